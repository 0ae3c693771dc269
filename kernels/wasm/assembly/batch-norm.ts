import { CHUNKS, laneMask, madd, max, share } from "./simd";
import { STRIP } from "./channels";

// y [periods,period] = x · scale + shift over `width` bytes of each period, then relu when `rectify`
// @ts-ignore: decorator
@inline function applyRange(
  y: usize, x: usize, table: usize, stride: usize, width: usize, periods: i32, rectify: bool,
): void {
  const zero = f32x4.splat(0);
  for (let p = 0; p < periods; p += STRIP) {
    const strip = min(periods - p, STRIP);
    for (let i: usize = 0; i < width; i += 64) {
      const k = table + i, t = k + stride;
      const k0 = v128.load(k), k1 = v128.load(k, 16), k2 = v128.load(k, 32), k3 = v128.load(k, 48);
      const t0 = v128.load(t), t1 = v128.load(t, 16), t2 = v128.load(t, 32), t3 = v128.load(t, 48);
      let from = x + i, to = y + i;
      for (let s = 0; s < strip; s++) {
        let y0 = madd(v128.load(from), k0, t0), y1 = madd(v128.load(from, 16), k1, t1);
        let y2 = madd(v128.load(from, 32), k2, t2), y3 = madd(v128.load(from, 48), k3, t3);
        if (rectify) {
          y0 = max(zero, y0);
          y1 = max(zero, y1);
          y2 = max(zero, y2);
          y3 = max(zero, y3);
        }
        v128.store(to, y3, 48);
        v128.store(to, y2, 32);
        v128.store(to, y1, 16);
        v128.store(to, y0);
        from += stride;
        to += stride;
      }
    }
    x += <usize>STRIP * stride;
    y += <usize>STRIP * stride;
  }
}

// @ts-ignore: decorator
@inline function apply(a: usize, thread: i32, threads: i32, rectify: bool): void {
  const y = <usize>load<u32>(a), x = <usize>load<u32>(a, 4), table = <usize>load<u32>(a, 8);
  const n = load<i32>(a, 12), period = load<i32>(a, 16);
  const periods = n / period, stride = <usize>period << 2, done = <usize>periods * stride;
  const begin = share(periods, STRIP, thread, threads), end = share(periods, STRIP, thread + 1, threads);
  const at = <usize>begin * stride;
  applyRange(y + at, x + at, table, stride, stride, end - begin, rectify);
  if (thread == threads - 1) applyRange(y + done, x + done, table, stride, <usize>(n % period) << 2, 1, rectify);
}

// y [n] = x [n] · table [0,period] + table [1,period]
export function batchNormApply(a: usize, thread: i32, threads: i32): void {
  apply(a, thread, threads, false);
}

// y [n] = max(0, x [n] · table [0,period] + table [1,period])
export function batchNormReluApply(a: usize, thread: i32, threads: i32): void {
  apply(a, thread, threads, true);
}

// @ts-ignore: decorator
@inline function floatAt(base: usize, index: i32): f32 {
  return load<f32>(base + (<usize>index << 2));
}

/**
 * Writes scale gamma / √(variance + ε) and shift beta − mean · scale of one channel to all its places in table
 * [2,period]. Both passes of training come here with the same float32 statistics, so a rectified element is one in both.
 */
function tabulate(
  table: usize, channel: i32, c: i32, period: i32, mean: f32, variance: f32, gamma: usize, beta: usize, epsilon: f64,
): void {
  let k = 1 / Math.sqrt(<f64>variance + epsilon);
  if (gamma) k *= <f64>floatAt(gamma, channel);
  const scale = <f32>k, shift = <f32>((beta ? <f64>floatAt(beta, channel) : 0) - <f64>mean * k);
  for (let i = channel; i < period; i += c) {
    store<f32>(table + (<usize>i << 2), scale);
    store<f32>(table + (<usize>(period + i) << 2), shift);
  }
}

// table [2,period]: gamma / √(variance + ε) and beta − mean · that; gamma and beta may be 0 (absent)
export function batchNormTable(a: usize, thread: i32, threads: i32): void {
  const table = <usize>load<u32>(a), mean = <usize>load<u32>(a, 4), variance = <usize>load<u32>(a, 8);
  const gamma = <usize>load<u32>(a, 12), beta = <usize>load<u32>(a, 16), c = load<i32>(a, 20), period = load<i32>(a, 24);
  const epsilon = load<f64>(a, 28), end = share(c, 16, thread + 1, threads);
  for (let channel = share(c, 16, thread, threads); channel < end; channel++) {
    tabulate(table, channel, c, period, floatAt(mean, channel), floatAt(variance, channel), gamma, beta, epsilon);
  }
}

// acc [2,period] += x − pivot and (x − pivot)², strip by strip: sums of sums round less
function addMoments(acc: usize, x: usize, pivot: usize, stride: usize, periods: i32): void {
  for (let p = 0; p < periods; p += STRIP) {
    const strip = min(periods - p, STRIP);
    for (let i: usize = 0; i < stride; i += 64) {
      const s = acc + i, q = s + stride, v = pivot + i;
      const p0 = v128.load(v), p1 = v128.load(v, 16), p2 = v128.load(v, 32), p3 = v128.load(v, 48);
      let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, q0 = s0, q1 = s0, q2 = s0, q3 = s0;
      let from = x + i;
      for (let k = 0; k < strip; k++) {
        const x0 = f32x4.sub(v128.load(from), p0), x1 = f32x4.sub(v128.load(from, 16), p1);
        const x2 = f32x4.sub(v128.load(from, 32), p2), x3 = f32x4.sub(v128.load(from, 48), p3);
        s0 = f32x4.add(s0, x0);
        s1 = f32x4.add(s1, x1);
        s2 = f32x4.add(s2, x2);
        s3 = f32x4.add(s3, x3);
        q0 = madd(x0, x0, q0);
        q1 = madd(x1, x1, q1);
        q2 = madd(x2, x2, q2);
        q3 = madd(x3, x3, q3);
        from += stride;
      }
      s0 = f32x4.add(s0, v128.load(s)), s1 = f32x4.add(s1, v128.load(s, 16));
      s2 = f32x4.add(s2, v128.load(s, 32)), s3 = f32x4.add(s3, v128.load(s, 48));
      q0 = f32x4.add(q0, v128.load(q)), q1 = f32x4.add(q1, v128.load(q, 16));
      q2 = f32x4.add(q2, v128.load(q, 32)), q3 = f32x4.add(q3, v128.load(q, 48));
      v128.store(s, s3, 48);
      v128.store(s, s2, 32);
      v128.store(s, s1, 16);
      v128.store(s, s0);
      v128.store(q, q3, 48);
      v128.store(q, q2, 32);
      v128.store(q, q1, 16);
      v128.store(q, q0);
    }
    x += <usize>STRIP * stride;
  }
}

// partials [CHUNKS,2,period]: sums of x − pivot and of (x − pivot)², where the pivot of a place is its first value
export function batchNormMoments(a: usize, thread: i32, threads: i32): void {
  const partials = <usize>load<u32>(a), x = <usize>load<u32>(a, 4), n = load<i32>(a, 8), period = load<i32>(a, 12);
  const periods = n / period, stride = <usize>period << 2;
  const last = share(CHUNKS, 1, thread + 1, threads);
  for (let chunk = share(CHUNKS, 1, thread, threads); chunk < last; chunk++) {
    const acc = partials + <usize>(2 * chunk) * stride;
    const begin = share(periods, 1, chunk, CHUNKS), end = share(periods, 1, chunk + 1, CHUNKS);
    memory.fill(acc, 0, 2 * stride);
    addMoments(acc, x + <usize>begin * stride, x, stride, end - begin);
    if (chunk == CHUNKS - 1) {
      const rest = x + <usize>periods * stride, count = n % period;
      for (let i = 0; i < count; i += 4) {
        const at = <usize>i << 2, to = acc + at;
        const v = v128.and(f32x4.sub(v128.load(rest + at), v128.load(x + at)), laneMask(count - i));
        v128.store(to + stride, madd(v, v, v128.load(to + stride)));
        v128.store(to, f32x4.add(v128.load(to), v));
      }
    }
  }
}

// mean [c], variance [c] (biased), table [2,period] from partials, x (for the pivots), gamma, beta (0 when absent)
export function batchNormStatistics(a: usize, thread: i32, threads: i32): void {
  const mean = <usize>load<u32>(a), variance = <usize>load<u32>(a, 4), table = <usize>load<u32>(a, 8);
  const partials = <usize>load<u32>(a, 12), x = <usize>load<u32>(a, 16);
  const gamma = <usize>load<u32>(a, 20), beta = <usize>load<u32>(a, 24);
  const n = load<i32>(a, 28), c = load<i32>(a, 32), period = load<i32>(a, 36), epsilon = load<f64>(a, 40);
  const periods = n / period, rest = n % period, rows = <f64>(n / c);
  const end = share(c, 16, thread + 1, threads);
  for (let channel = share(c, 16, thread, threads); channel < end; channel++) {
    let sum: f64 = 0;
    for (let i = channel; i < period; i += c) {
      let s: f64 = 0;
      for (let chunk = 0; chunk < CHUNKS; chunk++) s += <f64>floatAt(partials, 2 * chunk * period + i);
      const count = periods + i32(i < rest);
      if (count > 0) sum += s + <f64>count * <f64>floatAt(x, i);
    }
    const average = sum / rows;
    let squares: f64 = 0;
    for (let i = channel; i < period; i += c) {
      let s: f64 = 0, q: f64 = 0;
      for (let chunk = 0; chunk < CHUNKS; chunk++) {
        s += <f64>floatAt(partials, 2 * chunk * period + i);
        q += <f64>floatAt(partials, (2 * chunk + 1) * period + i);
      }
      const count = periods + i32(i < rest);
      if (count > 0) {
        const distance = <f64>floatAt(x, i) - average;
        squares += q + distance * (2 * s + <f64>count * distance);
      }
    }
    const spread = Math.max(squares / rows, 0);
    store<f32>(mean + (<usize>channel << 2), <f32>average);
    store<f32>(variance + (<usize>channel << 2), <f32>spread);
    tabulate(table, channel, c, period, <f32>average, <f32>spread, gamma, beta, epsilon);
  }
}

// acc [2,period] += g and g · (x − mean), where g is dy, or dy where x · scale + shift > 0 when `rectified`
// @ts-ignore: decorator
@inline function addProducts(
  acc: usize, dy: usize, x: usize, mean: usize, table: usize, stride: usize, periods: i32, rectified: bool,
): void {
  const zero = f32x4.splat(0);
  for (let p = 0; p < periods; p += STRIP) {
    const strip = min(periods - p, STRIP);
    for (let i: usize = 0; i < stride; i += 64) {
      const s = acc + i, q = s + stride, v = mean + i;
      const m0 = v128.load(v), m1 = v128.load(v, 16), m2 = v128.load(v, 32), m3 = v128.load(v, 48);
      let k0 = zero, k1 = zero, k2 = zero, k3 = zero, t0 = zero, t1 = zero, t2 = zero, t3 = zero;
      if (rectified) {
        const scale = table + i, shift = scale + stride;
        k0 = v128.load(scale), k1 = v128.load(scale, 16), k2 = v128.load(scale, 32), k3 = v128.load(scale, 48);
        t0 = v128.load(shift), t1 = v128.load(shift, 16), t2 = v128.load(shift, 32), t3 = v128.load(shift, 48);
      }
      let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, q0 = s0, q1 = s0, q2 = s0, q3 = s0;
      let from = x + i, g = dy + i;
      for (let k = 0; k < strip; k++) {
        const x0 = v128.load(from), x1 = v128.load(from, 16), x2 = v128.load(from, 32), x3 = v128.load(from, 48);
        let g0 = v128.load(g), g1 = v128.load(g, 16), g2 = v128.load(g, 32), g3 = v128.load(g, 48);
        if (rectified) {
          g0 = v128.and(g0, f32x4.gt(madd(x0, k0, t0), zero));
          g1 = v128.and(g1, f32x4.gt(madd(x1, k1, t1), zero));
          g2 = v128.and(g2, f32x4.gt(madd(x2, k2, t2), zero));
          g3 = v128.and(g3, f32x4.gt(madd(x3, k3, t3), zero));
        }
        s0 = f32x4.add(s0, g0);
        s1 = f32x4.add(s1, g1);
        s2 = f32x4.add(s2, g2);
        s3 = f32x4.add(s3, g3);
        q0 = madd(f32x4.sub(x0, m0), g0, q0);
        q1 = madd(f32x4.sub(x1, m1), g1, q1);
        q2 = madd(f32x4.sub(x2, m2), g2, q2);
        q3 = madd(f32x4.sub(x3, m3), g3, q3);
        from += stride;
        g += stride;
      }
      s0 = f32x4.add(s0, v128.load(s)), s1 = f32x4.add(s1, v128.load(s, 16));
      s2 = f32x4.add(s2, v128.load(s, 32)), s3 = f32x4.add(s3, v128.load(s, 48));
      q0 = f32x4.add(q0, v128.load(q)), q1 = f32x4.add(q1, v128.load(q, 16));
      q2 = f32x4.add(q2, v128.load(q, 32)), q3 = f32x4.add(q3, v128.load(q, 48));
      v128.store(s, s3, 48);
      v128.store(s, s2, 32);
      v128.store(s, s1, 16);
      v128.store(s, s0);
      v128.store(q, q3, 48);
      v128.store(q, q2, 32);
      v128.store(q, q1, 16);
      v128.store(q, q0);
    }
    x += <usize>STRIP * stride;
    dy += <usize>STRIP * stride;
  }
}

// @ts-ignore: decorator
@inline function products(a: usize, thread: i32, threads: i32, rectified: bool): void {
  const partials = <usize>load<u32>(a), dy = <usize>load<u32>(a, 4), x = <usize>load<u32>(a, 8);
  const mean = <usize>load<u32>(a, 12), table = <usize>load<u32>(a, 16), n = load<i32>(a, 20), period = load<i32>(a, 24);
  const periods = n / period, stride = <usize>period << 2;
  const last = share(CHUNKS, 1, thread + 1, threads);
  for (let chunk = share(CHUNKS, 1, thread, threads); chunk < last; chunk++) {
    const acc = partials + <usize>(2 * chunk) * stride;
    const begin = share(periods, 1, chunk, CHUNKS), end = share(periods, 1, chunk + 1, CHUNKS);
    const from = <usize>begin * stride;
    memory.fill(acc, 0, 2 * stride);
    addProducts(acc, dy + from, x + from, mean, table, stride, end - begin, rectified);
    if (chunk == CHUNKS - 1) {
      const done = <usize>periods * stride, count = n % period;
      for (let i = 0; i < count; i += 4) {
        const at = <usize>i << 2, to = acc + at, mask = laneMask(count - i);
        const value = v128.load(x + done + at), v = v128.and(f32x4.sub(value, v128.load(mean + at)), mask);
        let g = v128.and(v128.load(dy + done + at), mask);
        if (rectified)
          g = v128.and(g, f32x4.gt(madd(value, v128.load(table + at), v128.load(table + stride + at)), f32x4.splat(0)));
        v128.store(to + stride, madd(v, g, v128.load(to + stride)));
        v128.store(to, f32x4.add(v128.load(to), g));
      }
    }
  }
}

// partials [CHUNKS,2,period]: sums of dy and of dy · (x − mean), from dy [n], x [n], mean [period]
export function batchNormProducts(a: usize, thread: i32, threads: i32): void {
  products(a, thread, threads, false);
}

// The same of dy where x · table [0,period] + table [1,period] > 0
export function batchNormReluProducts(a: usize, thread: i32, threads: i32): void {
  products(a, thread, threads, true);
}

// table [3,period] of dx = A · dy + B · x + D, and dgamma [c], dbeta [c] (0 when absent), from partials, mean, variance,
// gamma (0 when absent)
export function batchNormGradientTable(a: usize, thread: i32, threads: i32): void {
  const table = <usize>load<u32>(a), dgamma = <usize>load<u32>(a, 4), dbeta = <usize>load<u32>(a, 8);
  const partials = <usize>load<u32>(a, 12), mean = <usize>load<u32>(a, 16), variance = <usize>load<u32>(a, 20);
  const gamma = <usize>load<u32>(a, 24);
  const n = load<i32>(a, 28), c = load<i32>(a, 32), period = load<i32>(a, 36), epsilon = load<f64>(a, 40);
  const rows = <f64>(n / c), end = share(c, 16, thread + 1, threads);
  for (let channel = share(c, 16, thread, threads); channel < end; channel++) {
    let sum: f64 = 0, product: f64 = 0;
    for (let i = channel; i < period; i += c)
      for (let chunk = 0; chunk < CHUNKS; chunk++) {
        sum += <f64>floatAt(partials, 2 * chunk * period + i);
        product += <f64>floatAt(partials, (2 * chunk + 1) * period + i);
      }
    const inverse = 1 / Math.sqrt(<f64>floatAt(variance, channel) + epsilon);
    const A = gamma ? inverse * <f64>floatAt(gamma, channel) : inverse;
    const B = (-A * inverse * inverse * product) / rows;
    const D = (-A * sum) / rows - B * <f64>floatAt(mean, channel);
    if (dgamma) store<f32>(dgamma + (<usize>channel << 2), <f32>(product * inverse));
    if (dbeta) store<f32>(dbeta + (<usize>channel << 2), <f32>sum);
    for (let i = channel; i < period; i += c) {
      store<f32>(table + (<usize>i << 2), <f32>A);
      store<f32>(table + (<usize>(period + i) << 2), <f32>B);
      store<f32>(table + (<usize>(2 * period + i) << 2), <f32>D);
    }
  }
}

// dx = A · g + B · x + D over `width` bytes of each period, with g as in addProducts
// @ts-ignore: decorator
@inline function gradientRange(
  dx: usize, dy: usize, x: usize, table: usize, forward: usize, stride: usize, width: usize, periods: i32, rectified: bool,
): void {
  const zero = f32x4.splat(0);
  for (let p = 0; p < periods; p += STRIP) {
    const strip = min(periods - p, STRIP);
    for (let i: usize = 0; i < width; i += 32) {
      const ta = table + i, tb = ta + stride, td = tb + stride;
      const a0 = v128.load(ta), a1 = v128.load(ta, 16), b0 = v128.load(tb), b1 = v128.load(tb, 16);
      const d0 = v128.load(td), d1 = v128.load(td, 16);
      let k0 = zero, k1 = zero, t0 = zero, t1 = zero;
      if (rectified) {
        const scale = forward + i, shift = scale + stride;
        k0 = v128.load(scale), k1 = v128.load(scale, 16);
        t0 = v128.load(shift), t1 = v128.load(shift, 16);
      }
      let from = x + i, g = dy + i, to = dx + i;
      for (let s = 0; s < strip; s++) {
        const x0 = v128.load(from), x1 = v128.load(from, 16);
        let g0 = v128.load(g), g1 = v128.load(g, 16);
        if (rectified) {
          g0 = v128.and(g0, f32x4.gt(madd(x0, k0, t0), zero));
          g1 = v128.and(g1, f32x4.gt(madd(x1, k1, t1), zero));
        }
        const y0 = madd(a0, g0, madd(b0, x0, d0)), y1 = madd(a1, g1, madd(b1, x1, d1));
        v128.store(to, y1, 16);
        v128.store(to, y0);
        from += stride;
        g += stride;
        to += stride;
      }
    }
    x += <usize>STRIP * stride;
    dy += <usize>STRIP * stride;
    dx += <usize>STRIP * stride;
  }
}

// @ts-ignore: decorator
@inline function gradientApply(a: usize, thread: i32, threads: i32, rectified: bool): void {
  const dx = <usize>load<u32>(a), dy = <usize>load<u32>(a, 4), x = <usize>load<u32>(a, 8), table = <usize>load<u32>(a, 12);
  const forward = <usize>load<u32>(a, 16), n = load<i32>(a, 20), period = load<i32>(a, 24);
  const periods = n / period, stride = <usize>period << 2, done = <usize>periods * stride;
  const begin = share(periods, STRIP, thread, threads), end = share(periods, STRIP, thread + 1, threads);
  const at = <usize>begin * stride;
  gradientRange(dx + at, dy + at, x + at, table, forward, stride, stride, end - begin, rectified);
  if (thread == threads - 1)
    gradientRange(dx + done, dy + done, x + done, table, forward, stride, <usize>(n % period) << 2, 1, rectified);
}

// dx [n] = A · dy [n] + B · x [n] + D, with table [3,period]
export function batchNormGradientApply(a: usize, thread: i32, threads: i32): void {
  gradientApply(a, thread, threads, false);
}

// The same of dy where x · forward [0,period] + forward [1,period] > 0
export function batchNormReluGradientApply(a: usize, thread: i32, threads: i32): void {
  gradientApply(a, thread, threads, true);
}
