import { CHUNKS, laneMask, madd, share } from "./simd";
import { STRIP } from "./channels";

// acc [width] += x [periods,width]
function addPeriods(acc: usize, x: usize, stride: usize, periods: i32): void {
  for (let p = 0; p < periods; p += STRIP) {
    const strip = min(periods - p, STRIP);
    for (let i: usize = 0; i < stride; i += 64) {
      const to = acc + i;
      let s0 = v128.load(to), s1 = v128.load(to, 16), s2 = v128.load(to, 32), s3 = v128.load(to, 48);
      let from = x + i;
      for (let s = 0; s < strip; s++) {
        s0 = f32x4.add(s0, v128.load(from));
        s1 = f32x4.add(s1, v128.load(from, 16));
        s2 = f32x4.add(s2, v128.load(from, 32));
        s3 = f32x4.add(s3, v128.load(from, 48));
        from += stride;
      }
      v128.store(to, s3, 48);
      v128.store(to, s2, 32);
      v128.store(to, s1, 16);
      v128.store(to, s0);
    }
    x += <usize>STRIP * stride;
  }
}

// partials [CHUNKS,period] = Σ of chunks of x [n]
export function sumPeriods(a: usize, thread: i32, threads: i32): void {
  const partials = <usize>load<u32>(a), x = <usize>load<u32>(a, 4), n = load<i32>(a, 8), period = load<i32>(a, 12);
  const periods = n / period, stride = <usize>period << 2;
  const last = share(CHUNKS, 1, thread + 1, threads);
  for (let chunk = share(CHUNKS, 1, thread, threads); chunk < last; chunk++) {
    const acc = partials + <usize>chunk * stride;
    const begin = share(periods, 1, chunk, CHUNKS), end = share(periods, 1, chunk + 1, CHUNKS);
    memory.fill(acc, 0, stride);
    addPeriods(acc, x + <usize>begin * stride, stride, end - begin);
    if (chunk == CHUNKS - 1) {
      const rest = x + <usize>periods * stride, count = n % period;
      for (let i = 0; i < count; i += 4) {
        const at = <usize>i << 2;
        v128.store(acc + at, f32x4.add(v128.load(acc + at), v128.and(v128.load(rest + at), laneMask(count - i))));
      }
    }
  }
}

// y [c] = Σ partials [CHUNKS,period], period a multiple of c
export function foldPeriods(a: usize, thread: i32, threads: i32): void {
  const y = <usize>load<u32>(a), partials = <usize>load<u32>(a, 4), c = load<i32>(a, 8), period = load<i32>(a, 12);
  const end = share(c, 16, thread + 1, threads), all = CHUNKS * period;
  for (let channel = share(c, 16, thread, threads); channel < end; channel++) {
    let sum: f64 = 0;
    for (let i = channel; i < all; i += c) sum += <f64>load<f32>(partials + (<usize>i << 2));
    store<f32>(y + (<usize>channel << 2), <f32>sum);
  }
}

// y [] = factor · Σ partials [count]
export function foldScalar(a: usize, thread: i32, threads: i32): void {
  if (thread != 0) return;
  const y = <usize>load<u32>(a), partials = <usize>load<u32>(a, 4), count = load<i32>(a, 8);
  let sum: f64 = 0;
  for (let i = 0; i < count; i++) sum += <f64>load<f32>(partials + (<usize>i << 2));
  store<f32>(y, <f32>(sum * load<f64>(a, 12)));
}

// partials [CHUNKS,16] += Σ of squares of chunks of x [n]
function addSquares(partials: usize, x: usize, n: i32, thread: i32, threads: i32): void {
  const last = share(CHUNKS, 1, thread + 1, threads), full = n & ~15;
  for (let chunk = share(CHUNKS, 1, thread, threads); chunk < last; chunk++) {
    const to = partials + (<usize>chunk << 6);
    let s0 = v128.load(to), s1 = v128.load(to, 16), s2 = v128.load(to, 32), s3 = v128.load(to, 48);
    const begin = share(full, 16, chunk, CHUNKS), end = share(full, 16, chunk + 1, CHUNKS);
    let from = x + (<usize>begin << 2);
    for (let i = begin; i < end; i += 16) {
      const x0 = v128.load(from), x1 = v128.load(from, 16), x2 = v128.load(from, 32), x3 = v128.load(from, 48);
      s0 = madd(x0, x0, s0);
      s1 = madd(x1, x1, s1);
      s2 = madd(x2, x2, s2);
      s3 = madd(x3, x3, s3);
      from += 64;
    }
    if (chunk == CHUNKS - 1)
      for (let i = full; i < n; i += 4) {
        const rest = v128.and(v128.load(x + (<usize>i << 2)), laneMask(n - i));
        s0 = madd(rest, rest, s0);
      }
    v128.store(to, s3, 48);
    v128.store(to, s2, 32);
    v128.store(to, s1, 16);
    v128.store(to, s0);
  }
}

// partials [CHUNKS,16] = Σ of squares of any number of arrays: partials, array count, then x, n of each
export function squares(a: usize, thread: i32, threads: i32): void {
  const partials = <usize>load<u32>(a), arrays = load<i32>(a, 4);
  const first = share(CHUNKS, 1, thread, threads), last = share(CHUNKS, 1, thread + 1, threads);
  memory.fill(partials + (<usize>first << 6), 0, <usize>(last - first) << 6);
  for (let i = 0; i < arrays; i++) {
    const pair = a + 8 + (<usize>i << 3);
    addSquares(partials, <usize>load<u32>(pair), load<i32>(pair, 4), thread, threads);
  }
}

// y [n] = factor · x []
export function fill(a: usize, thread: i32, threads: i32): void {
  const n = load<i32>(a, 8), begin = share(n, 1024, thread, threads), end = share(n, 1024, thread + 1, threads);
  const v = f32x4.splat(load<f32>(<usize>load<u32>(a, 4)) * load<f32>(a, 12));
  let y = <usize>load<u32>(a) + (<usize>begin << 2);
  for (let i = begin; i < end; i += 16) {
    v128.store(y, v, 48);
    v128.store(y, v, 32);
    v128.store(y, v, 16);
    v128.store(y, v);
    y += 64;
  }
}
