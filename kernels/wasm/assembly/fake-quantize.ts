import { STRIP } from "./channels";
import { MicroOp } from "./chain";
import { CHUNKS, laneMask, max as larger, min as smaller, share, storeLanes } from "./simd";

// @ts-ignore: decorator
@inline function inSteps(x: v128, scale: v128): v128 {
  return f32x4.floor(f32x4.add(f32x4.div(x, scale), f32x4.splat(0.5)));
}

// @ts-ignore: decorator
@inline function quantized(x: v128, dy: v128, scale: v128, low: v128, high: v128, gradient: bool): v128 {
  const q = inSteps(x, scale);
  if (gradient) return v128.and(dy, v128.and(f32x4.ge(q, low), f32x4.le(q, high)));
  return f32x4.mul(scale, smaller(high, larger(low, q)));
}

// to = scale · q, q = a / scale to the nearest and from low to high, or b where a lies within when `gradient`;
// table [3,period] of scale, low, high
// @ts-ignore: decorator
@inline function quantizeRange(
  to: usize, a: usize, b: usize, table: usize, stride: usize, width: usize, periods: i32, gradient: bool,
): void {
  for (let p = 0; p < periods; p += STRIP) {
    const strip = min(periods - p, STRIP);
    for (let i: usize = 0; i < width; i += 32) {
      const s = table + i, l = s + stride, h = l + stride;
      const s0 = v128.load(s), s1 = v128.load(s, 16), l0 = v128.load(l), l1 = v128.load(l, 16);
      const h0 = v128.load(h), h1 = v128.load(h, 16);
      let from = a + i, dy = b + i, out = to + i;
      for (let k = 0; k < strip; k++) {
        const x0 = v128.load(from), x1 = v128.load(from, 16);
        const g0 = gradient ? v128.load(dy) : x0, g1 = gradient ? v128.load(dy, 16) : x1;
        const y0 = quantized(x0, g0, s0, l0, h0, gradient), y1 = quantized(x1, g1, s1, l1, h1, gradient);
        v128.store(out, y1, 16);
        v128.store(out, y0);
        from += stride;
        dy += stride;
        out += stride;
      }
    }
    a += <usize>STRIP * stride;
    b += <usize>STRIP * stride;
    to += <usize>STRIP * stride;
  }
}

// @ts-ignore: decorator
@inline function quantizeLoop(m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize, gradient: bool): void {
  const periods = <i32>((<usize>n << 2) / stride), done = <usize>periods * stride, rest = (<usize>n << 2) - done;
  quantizeRange(to, a, b, m.table, stride, stride, periods, gradient);
  if (rest) quantizeRange(to + done, a + done, b + done, m.table, stride, rest, 1, gradient);
}

export function fakeQuantize(m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize): void {
  quantizeLoop(m, to, a, b, n, stride, false);
}

export function fakeQuantizeGradient(m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize): void {
  quantizeLoop(m, to, a, b, n, stride, true);
}

// table [3,period] from extent [c], or from extent [2] when c is 0: table, extent, c, period
export function fakeQuantizeTable(a: usize, thread: i32, threads: i32): void {
  const table = <usize>load<u32>(a), extent = <usize>load<u32>(a, 4), c = load<i32>(a, 8), period = load<i32>(a, 12);
  const stride = <usize>period << 2, end = share(period, 16, thread + 1, threads);
  let scale: f64 = 1, low: f64 = -127, high: f64 = 127;
  if (c == 0) {
    const least = Math.min(0, <f64>load<f32>(extent)), largest = Math.max(0, <f64>load<f32>(extent, 4));
    if (largest > least) scale = (largest - least) / 255;
    const zero = Math.max(-128, Math.min(127, Math.floor(-128 - least / scale + 0.5)));
    low = -128 - zero;
    high = 127 - zero;
  }
  for (let i = share(period, 16, thread, threads); i < end; i++) {
    if (c != 0) {
      const largest = <f64>load<f32>(extent + (<usize>(i % c) << 2));
      scale = largest > 0 ? largest / 127 : 1;
    }
    const to = table + (<usize>i << 2);
    store<f32>(to, <f32>scale);
    store<f32>(to + stride, <f32>low);
    store<f32>(to + 2 * stride, <f32>high);
  }
}

// partials [CHUNKS,2,16]: the least and the largest of chunks of x [n] and 0
export function extents(a: usize, thread: i32, threads: i32): void {
  const partials = <usize>load<u32>(a), x = <usize>load<u32>(a, 4), n = load<i32>(a, 8), full = n & ~15;
  const last = share(CHUNKS, 1, thread + 1, threads), zero = f32x4.splat(0);
  for (let chunk = share(CHUNKS, 1, thread, threads); chunk < last; chunk++) {
    const begin = share(full, 16, chunk, CHUNKS), end = share(full, 16, chunk + 1, CHUNKS);
    let least0 = zero, least1 = zero, least2 = zero, least3 = zero;
    let largest0 = zero, largest1 = zero, largest2 = zero, largest3 = zero;
    let from = x + (<usize>begin << 2);
    for (let i = begin; i < end; i += 16, from += 64) {
      const x0 = v128.load(from), x1 = v128.load(from, 16), x2 = v128.load(from, 32), x3 = v128.load(from, 48);
      least0 = smaller(least0, x0), least1 = smaller(least1, x1);
      least2 = smaller(least2, x2), least3 = smaller(least3, x3);
      largest0 = larger(largest0, x0), largest1 = larger(largest1, x1);
      largest2 = larger(largest2, x2), largest3 = larger(largest3, x3);
    }
    if (chunk == CHUNKS - 1)
      for (let i = full; i < n; i += 4) {
        const rest = v128.and(v128.load(x + (<usize>i << 2)), laneMask(n - i));
        least0 = smaller(least0, rest);
        largest0 = larger(largest0, rest);
      }
    const to = partials + (<usize>chunk << 7);
    v128.store(to, least0);
    v128.store(to, least1, 16);
    v128.store(to, least2, 32);
    v128.store(to, least3, 48);
    v128.store(to, largest0, 64);
    v128.store(to, largest1, 80);
    v128.store(to, largest2, 96);
    v128.store(to, largest3, 112);
  }
}

// y [2] = the least and the largest of partials [CHUNKS,2,16]
export function foldExtents(a: usize, thread: i32, threads: i32): void {
  if (thread != 0) return;
  const y = <usize>load<u32>(a), partials = <usize>load<u32>(a, 4), end = partials + (<usize>CHUNKS << 7);
  let least: f32 = 0, largest: f32 = 0;
  for (let from = partials; from < end; from += 128)
    for (let i: usize = 0; i < 64; i += 4) {
      least = min<f32>(least, load<f32>(from + i));
      largest = max<f32>(largest, load<f32>(from + i, 64));
    }
  store<f32>(y, least);
  store<f32>(y, largest, 4);
}

// y [c] = the largest magnitude of each column of x [rows,c]: y, x, rows, c
export function largestMagnitudes(a: usize, thread: i32, threads: i32): void {
  const y = <usize>load<u32>(a), x = <usize>load<u32>(a, 4), rows = load<i32>(a, 8), c = load<i32>(a, 12);
  const stride = <usize>c << 2, end = share(c, 16, thread + 1, threads);
  for (let channel = share(c, 16, thread, threads); channel < end; channel += 4) {
    let largest = f32x4.splat(0), from = x + (<usize>channel << 2);
    for (let row = 0; row < rows; row++, from += stride) largest = larger(largest, f32x4.abs(v128.load(from)));
    storeLanes(y + (<usize>channel << 2), largest, min(4, end - channel));
  }
}
