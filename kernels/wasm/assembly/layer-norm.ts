import { CHUNKS, madd, roundUp16, share } from "./simd";
import { worker } from "./worker";

// Rows that fill pairs of vectors are read where they lie. Others are copied to scratch of their thread and filled up
// with values that add nothing.

// @ts-ignore: decorator
@inline function roundUp8(count: i32): i32 {
  return (count + 7) & ~7;
}

/** Where `row` [c] ends with zeros to a multiple of 8: itself or a copy. */
// @ts-ignore: decorator
@inline function filled(row: usize, c: i32, copy: usize): usize {
  if ((c & 7) == 0) return row;
  memory.copy(copy, row, <usize>c << 2);
  fillRest(copy, c, 0);
  return copy;
}

function fillRest(row: usize, c: i32, value: f32): void {
  for (let i = c; i < roundUp8(c); i++) store<f32>(row + (<usize>i << 2), value);
}

// @ts-ignore: decorator
@inline function sumPair(s: v128, t: v128): f32 {
  const sums = f32x4.add(s, t), pairs = f32x4.add(sums, v128.shuffle<f32>(sums, sums, 2, 3, 0, 1));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}

/** The sum of row [n]. */
// @ts-ignore: decorator
@inline function sumOf(row: usize, n: i32): f32 {
  let s = f32x4.splat(0), t = s;
  for (let end = row + (<usize>n << 2); row < end; row += 32) {
    s = f32x4.add(s, v128.load(row));
    t = f32x4.add(t, v128.load(row, 16));
  }
  return sumPair(s, t);
}

/** The sum of the squares of row [n] − mean. */
// @ts-ignore: decorator
@inline function squaresOf(row: usize, mean: f32, n: i32): f32 {
  const m = f32x4.splat(mean);
  let s = f32x4.splat(0), t = s;
  for (let end = row + (<usize>n << 2); row < end; row += 32) {
    const x0 = f32x4.sub(v128.load(row), m), x1 = f32x4.sub(v128.load(row, 16), m);
    s = madd(x0, x0, s);
    t = madd(x1, x1, t);
  }
  return sumPair(s, t);
}

/** 1 / √(squares / c + ε) in all lanes. V8 encodes √ of one float as SSE, for which the 256-bit loops around it wait 0.1 µs. */
// @ts-ignore: decorator
@inline function inverseDeviation(squares: f32, c: i32, epsilon: f32): v128 {
  return f32x4.div(f32x4.splat(1), f32x4.sqrt(f32x4.splat(squares / <f32>c + epsilon)));
}

// y [rows,c] from x, gamma, beta (0 when absent); scratch [threads,padded c]
export function layerNorm(a: usize, thread: i32, threads: i32): void {
  const y = <usize>load<u32>(a), x = <usize>load<u32>(a, 4), gamma = <usize>load<u32>(a, 8), beta = <usize>load<u32>(a, 12);
  const rows = load<i32>(a, 20), c = load<i32>(a, 24), epsilon = load<f32>(a, 28), n = roundUp8(c);
  const bytes = <usize>n << 2, copy = <usize>load<u32>(a, 16) + <usize>worker * (<usize>roundUp16(c) << 2);
  const end = share(rows, 1, thread + 1, threads);
  for (let r = share(rows, 1, thread, threads); r < end; r++) {
    const at = (<usize>r * c) << 2, row = filled(x + at, c, copy), to = n == c ? y + at : copy;
    const mean = sumOf(row, n) / <f32>c;
    if (n > c) fillRest(row, c, mean);
    const m = f32x4.splat(mean), inverse = inverseDeviation(squaresOf(row, mean, n), c, epsilon);
    for (let i: usize = 0; i < bytes; i += 32) {
      let y0 = f32x4.mul(f32x4.sub(v128.load(row + i), m), inverse), y1 = f32x4.mul(f32x4.sub(v128.load(row + i, 16), m), inverse);
      if (gamma) {
        y0 = madd(y0, v128.load(gamma + i), v128.load(beta + i));
        y1 = madd(y1, v128.load(gamma + i, 16), v128.load(beta + i, 16));
      }
      v128.store(to + i, y1, 16);
      v128.store(to + i, y0);
    }
    if (n > c) memory.copy(y + at, copy, <usize>c << 2);
  }
}

// dx [rows,c] and partials [CHUNKS,2,padded c] of dgamma and dbeta, from dy, x, gamma (0 when absent);
// scratch [threads,2,padded c]
export function layerNormGradient(a: usize, thread: i32, threads: i32): void {
  const dx = <usize>load<u32>(a), partials = <usize>load<u32>(a, 4), dy = <usize>load<u32>(a, 8);
  const x = <usize>load<u32>(a, 12), gamma = <usize>load<u32>(a, 16);
  const rows = load<i32>(a, 24), c = load<i32>(a, 28), epsilon = load<f32>(a, 32), n = roundUp8(c);
  const bytes = <usize>n << 2, padded = <usize>roundUp16(c) << 2;
  const copy = <usize>load<u32>(a, 20) + <usize>(2 * worker) * padded;
  const lastChunk = share(CHUNKS, 1, thread + 1, threads);
  for (let chunk = share(CHUNKS, 1, thread, threads); chunk < lastChunk; chunk++) {
    const dgamma = partials + <usize>(2 * chunk) * padded, dbeta = dgamma + padded;
    memory.fill(dgamma, 0, 2 * padded);
    const end = share(rows, 1, chunk + 1, CHUNKS);
    for (let r = share(rows, 1, chunk, CHUNKS); r < end; r++) {
      const at = (<usize>r * c) << 2, row = filled(x + at, c, copy), g = filled(dy + at, c, copy + padded);
      const mean = sumOf(row, n) / <f32>c;
      if (n > c) fillRest(row, c, mean);
      const m = f32x4.splat(mean), scale = inverseDeviation(squaresOf(row, mean, n), c, epsilon);
      let sum = f32x4.splat(0), product = sum;
      for (let i: usize = 0; i < bytes; i += 32) {
        const n0 = f32x4.mul(f32x4.sub(v128.load(row + i), m), scale), n1 = f32x4.mul(f32x4.sub(v128.load(row + i, 16), m), scale);
        let d0 = v128.load(g + i), d1 = v128.load(g + i, 16);
        const w0 = madd(d0, n0, v128.load(dgamma + i)), w1 = madd(d1, n1, v128.load(dgamma + i, 16));
        const b0 = f32x4.add(v128.load(dbeta + i), d0), b1 = f32x4.add(v128.load(dbeta + i, 16), d1);
        v128.store(dgamma + i, w1, 16);
        v128.store(dgamma + i, w0);
        v128.store(dbeta + i, b1, 16);
        v128.store(dbeta + i, b0);
        if (gamma) {
          d0 = f32x4.mul(d0, v128.load(gamma + i));
          d1 = f32x4.mul(d1, v128.load(gamma + i, 16));
        }
        sum = f32x4.add(f32x4.add(sum, d0), d1);
        product = madd(d1, n1, madd(d0, n0, product));
      }
      const zero = f32x4.splat(0);
      const meanG = f32x4.splat(sumPair(sum, zero) / <f32>c), meanP = f32x4.splat(sumPair(product, zero) / <f32>c);
      const to = n == c ? dx + at : copy + padded;
      for (let i: usize = 0; i < bytes; i += 32) {
        const n0 = f32x4.mul(f32x4.sub(v128.load(row + i), m), scale), n1 = f32x4.mul(f32x4.sub(v128.load(row + i, 16), m), scale);
        let d0 = v128.load(g + i), d1 = v128.load(g + i, 16);
        if (gamma) {
          d0 = f32x4.mul(d0, v128.load(gamma + i));
          d1 = f32x4.mul(d1, v128.load(gamma + i, 16));
        }
        d0 = f32x4.mul(f32x4.sub(f32x4.sub(d0, meanG), f32x4.mul(n0, meanP)), scale);
        d1 = f32x4.mul(f32x4.sub(f32x4.sub(d1, meanG), f32x4.mul(n1, meanP)), scale);
        v128.store(to + i, d1, 16);
        v128.store(to + i, d0);
      }
      if (n > c) memory.copy(dx + at, to, <usize>c << 2);
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
