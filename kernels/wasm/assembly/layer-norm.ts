import { sumOf } from "./exp";
import { CHUNKS, madd, roundUp16, share } from "./simd";
import { worker } from "./worker";

// Each row is worked on in scratch of its thread, padded to a multiple of 16 with values that add nothing.

/** Copies x [c] to row, pads it with its mean, and gives that mean. */
function loadRow(row: usize, x: usize, c: i32, padded: i32): f32 {
  memory.copy(row, x, <usize>c << 2);
  for (let i = c; i < padded; i++) store<f32>(row + (<usize>i << 2), 0);
  const mean = sumOf(row, padded) / <f32>c;
  for (let i = c; i < padded; i++) store<f32>(row + (<usize>i << 2), mean);
  return mean;
}

/** row [n] = row − mean; gives the sum of the squares. */
function center(row: usize, mean: f32, n: i32): f32 {
  const m = f32x4.splat(mean);
  let s = f32x4.splat(0), t = s;
  for (let end = row + (<usize>n << 2); row < end; row += 32) {
    const x0 = f32x4.sub(v128.load(row), m), x1 = f32x4.sub(v128.load(row, 16), m);
    v128.store(row, x1, 16);
    v128.store(row, x0);
    s = madd(x0, x0, s);
    t = madd(x1, x1, t);
  }
  s = f32x4.add(s, t);
  s = f32x4.add(s, v128.shuffle<f32>(s, s, 2, 3, 0, 1));
  return f32x4.extract_lane(s, 0) + f32x4.extract_lane(s, 1);
}

// y [rows,c] from x, gamma, beta (0 when absent); scratch [threads,padded c]
export function layerNorm(a: usize, thread: i32, threads: i32): void {
  const y = <usize>load<u32>(a), x = <usize>load<u32>(a, 4), gamma = <usize>load<u32>(a, 8), beta = <usize>load<u32>(a, 12);
  const rows = load<i32>(a, 20), c = load<i32>(a, 24), epsilon = load<f32>(a, 28), padded = roundUp16(c);
  const row = <usize>load<u32>(a, 16) + <usize>worker * (<usize>padded << 2);
  const end = share(rows, 1, thread + 1, threads);
  for (let r = share(rows, 1, thread, threads); r < end; r++) {
    const at = (<usize>r * c) << 2;
    const mean = loadRow(row, x + at, c, padded);
    const inverse = f32x4.splat(1 / Mathf.sqrt(center(row, mean, padded) / <f32>c + epsilon));
    for (let i: usize = 0; i < <usize>padded << 2; i += 32) {
      let y0 = f32x4.mul(v128.load(row + i), inverse), y1 = f32x4.mul(v128.load(row + i, 16), inverse);
      if (gamma) {
        y0 = madd(y0, v128.load(gamma + i), v128.load(beta + i));
        y1 = madd(y1, v128.load(gamma + i, 16), v128.load(beta + i, 16));
      }
      v128.store(row + i, y1, 16);
      v128.store(row + i, y0);
    }
    memory.copy(y + at, row, <usize>c << 2);
  }
}

// dx [rows,c] and partials [CHUNKS,2,padded c] of dgamma and dbeta, from dy, x, gamma (0 when absent);
// scratch [threads,2,padded c]
export function layerNormGradient(a: usize, thread: i32, threads: i32): void {
  const dx = <usize>load<u32>(a), partials = <usize>load<u32>(a, 4), dy = <usize>load<u32>(a, 8);
  const x = <usize>load<u32>(a, 12), gamma = <usize>load<u32>(a, 16);
  const rows = load<i32>(a, 24), c = load<i32>(a, 28), epsilon = load<f32>(a, 32), padded = roundUp16(c);
  const bytes = <usize>padded << 2, row = <usize>load<u32>(a, 20) + <usize>(2 * worker) * bytes, g = row + bytes;
  const lastChunk = share(CHUNKS, 1, thread + 1, threads);
  for (let chunk = share(CHUNKS, 1, thread, threads); chunk < lastChunk; chunk++) {
    const dgamma = partials + <usize>(2 * chunk) * bytes, dbeta = dgamma + bytes;
    memory.fill(dgamma, 0, 2 * bytes);
    const end = share(rows, 1, chunk + 1, CHUNKS);
    for (let r = share(rows, 1, chunk, CHUNKS); r < end; r++) {
      const at = (<usize>r * c) << 2;
      const mean = loadRow(row, x + at, c, padded);
      const inverse: f32 = 1 / Mathf.sqrt(center(row, mean, padded) / <f32>c + epsilon), scale = f32x4.splat(inverse);
      memory.copy(g, dy + at, <usize>c << 2);
      for (let i = c; i < padded; i++) store<f32>(g + (<usize>i << 2), 0);
      let sum = f32x4.splat(0), product = sum;
      for (let i: usize = 0; i < bytes; i += 16) {
        const n = f32x4.mul(v128.load(row + i), scale);
        let d = v128.load(g + i);
        v128.store(dgamma + i, madd(d, n, v128.load(dgamma + i)));
        v128.store(dbeta + i, f32x4.add(v128.load(dbeta + i), d));
        if (gamma) d = f32x4.mul(d, v128.load(gamma + i));
        v128.store(g + i, d);
        v128.store(row + i, n);
        sum = f32x4.add(sum, d);
        product = madd(d, n, product);
      }
      sum = f32x4.add(sum, v128.shuffle<f32>(sum, sum, 2, 3, 0, 1));
      product = f32x4.add(product, v128.shuffle<f32>(product, product, 2, 3, 0, 1));
      const meanG = f32x4.splat((f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1)) / <f32>c);
      const meanP = f32x4.splat((f32x4.extract_lane(product, 0) + f32x4.extract_lane(product, 1)) / <f32>c);
      for (let i: usize = 0; i < bytes; i += 16) {
        const d = f32x4.sub(f32x4.sub(v128.load(g + i), meanG), f32x4.mul(v128.load(row + i), meanP));
        v128.store(g + i, f32x4.mul(d, scale));
      }
      memory.copy(dx + at, g, <usize>c << 2);
    }
  }
}

// dgamma [c], dbeta [c] from partials [CHUNKS,2,padded c]
export function layerNormFold(a: usize, thread: i32, threads: i32): void {
  const dgamma = <usize>load<u32>(a), dbeta = <usize>load<u32>(a, 4), partials = <usize>load<u32>(a, 8), c = load<i32>(a, 12);
  const bytes = <usize>roundUp16(c) << 2, end = share(c, 16, thread + 1, threads);
  for (let i = share(c, 16, thread, threads); i < end; i++) {
    let g: f64 = 0, b: f64 = 0;
    for (let chunk = 0; chunk < CHUNKS; chunk++) {
      const at = partials + <usize>(2 * chunk) * bytes + (<usize>i << 2);
      g += <f64>load<f32>(at);
      b += <f64>load<f32>(at + bytes);
    }
    store<f32>(dgamma + (<usize>i << 2), <f32>g);
    store<f32>(dbeta + (<usize>i << 2), <f32>b);
  }
}
