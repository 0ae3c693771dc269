import { STRIP } from "./channels";
import { MicroOp } from "./chain";
import { laneMask, madd, max } from "./simd";

export { gelu, geluGradient, hardSwish, hardSwishGradient, sigmoid, sigmoidGradient } from "./activation";
export { fakeQuantize, fakeQuantizeGradient } from "./fake-quantize";

// The loops of chains, each over n floats that start with the first channel. Vectors over the channels are repeated to
// fill a period of `stride` bytes. What a loop writes may be what it reads.

/** What follows an operation in the same loop. */
const NOTHING = 0, RELU = 1, ADD = 2, ADD_RELU = 3, RELU_ADD = 4;

// to = a · table [0,period] + table [1,period] when `affine`, else a + table [period]; then what `post` says, with b
// @ts-ignore: decorator
@inline function tableRange(
  to: usize, a: usize, b: usize, table: usize, stride: usize, width: usize, periods: i32, affine: bool, post: i32,
): void {
  const zero = f32x4.splat(0);
  for (let p = 0; p < periods; p += STRIP) {
    const strip = min(periods - p, STRIP);
    for (let i: usize = 0; i < width; i += 64) {
      const k = table + i, t = affine ? k + stride : k;
      let k0 = zero, k1 = zero, k2 = zero, k3 = zero;
      if (affine) {
        k0 = v128.load(k), k1 = v128.load(k, 16);
        k2 = v128.load(k, 32), k3 = v128.load(k, 48);
      }
      const t0 = v128.load(t), t1 = v128.load(t, 16), t2 = v128.load(t, 32), t3 = v128.load(t, 48);
      let from = a + i, other = b + i, out = to + i;
      for (let s = 0; s < strip; s++) {
        let y0 = v128.load(from), y1 = v128.load(from, 16), y2 = v128.load(from, 32), y3 = v128.load(from, 48);
        if (affine) {
          y0 = madd(y0, k0, t0), y1 = madd(y1, k1, t1);
          y2 = madd(y2, k2, t2), y3 = madd(y3, k3, t3);
        } else {
          y0 = f32x4.add(y0, t0), y1 = f32x4.add(y1, t1);
          y2 = f32x4.add(y2, t2), y3 = f32x4.add(y3, t3);
        }
        if (post == RELU || post == RELU_ADD) {
          y0 = max(zero, y0), y1 = max(zero, y1);
          y2 = max(zero, y2), y3 = max(zero, y3);
        }
        if (post >= ADD) {
          y0 = f32x4.add(y0, v128.load(other)), y1 = f32x4.add(y1, v128.load(other, 16));
          y2 = f32x4.add(y2, v128.load(other, 32)), y3 = f32x4.add(y3, v128.load(other, 48));
        }
        if (post == ADD_RELU) {
          y0 = max(zero, y0), y1 = max(zero, y1);
          y2 = max(zero, y2), y3 = max(zero, y3);
        }
        v128.store(out, y3, 48);
        v128.store(out, y2, 32);
        v128.store(out, y1, 16);
        v128.store(out, y0);
        from += stride;
        other += stride;
        out += stride;
      }
    }
    a += <usize>STRIP * stride;
    b += <usize>STRIP * stride;
    to += <usize>STRIP * stride;
  }
}

// @ts-ignore: decorator
@inline function tableLoop(
  m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize, affine: bool, post: i32,
): void {
  const periods = <i32>((<usize>n << 2) / stride), done = <usize>periods * stride, rest = (<usize>n << 2) - done;
  tableRange(to, a, b, m.table, stride, stride, periods, affine, post);
  if (rest) tableRange(to + done, a + done, b + done, m.table, stride, rest, 1, affine, post);
}

// @ts-ignore: decorator
@inline function lookUp(table: usize, from: usize, channel: usize): f32 {
  return load<f32>(table + (channel << 10) + (<usize>load<u8>(from + channel) << 2));
}

// to = table [channels,256] of bytes, one for each float of the run; extra: channels
export function lookup(m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize): void {
  const table = m.table, channels = m.extra, end = to + (<usize>n << 2);
  let from = m.a + ((a - m.a) >> 2);
  if (channels == 3)
    for (; to < end; to += 12, from += 3) {
      store<f32>(to, lookUp(table, from, 0));
      store<f32>(to, lookUp(table, from, 1), 4);
      store<f32>(to, lookUp(table, from, 2), 8);
    }
  else
    for (; to < end; from += channels)
      for (let channel: usize = 0; channel < channels; channel++, to += 4)
        store<f32>(to, lookUp(table, from, channel));
}

export function bias(m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize): void {
  tableLoop(m, to, a, b, n, stride, false, NOTHING);
}

export function biasRelu(m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize): void {
  tableLoop(m, to, a, b, n, stride, false, RELU);
}

export function biasAdd(m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize): void {
  tableLoop(m, to, a, b, n, stride, false, ADD);
}

export function biasAddRelu(m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize): void {
  tableLoop(m, to, a, b, n, stride, false, ADD_RELU);
}

export function biasReluAdd(m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize): void {
  tableLoop(m, to, a, b, n, stride, false, RELU_ADD);
}

export function affine(m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize): void {
  tableLoop(m, to, a, b, n, stride, true, NOTHING);
}

export function affineRelu(m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize): void {
  tableLoop(m, to, a, b, n, stride, true, RELU);
}

export function affineAdd(m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize): void {
  tableLoop(m, to, a, b, n, stride, true, ADD);
}

export function affineAddRelu(m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize): void {
  tableLoop(m, to, a, b, n, stride, true, ADD_RELU);
}

export function affineReluAdd(m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize): void {
  tableLoop(m, to, a, b, n, stride, true, RELU_ADD);
}

const SUM = 0, PRODUCT = 1, MASK = 2;

// @ts-ignore: decorator
@inline function combine(x: v128, z: v128, kind: i32, zero: v128): v128 {
  if (kind == SUM) return f32x4.add(x, z);
  if (kind == PRODUCT) return f32x4.mul(x, z);
  return v128.and(z, f32x4.gt(x, zero));
}

// @ts-ignore: decorator
@inline function pairLoop(to: usize, a: usize, b: usize, n: i32, kind: i32, rectify: bool): void {
  const zero = f32x4.splat(0);
  for (let i = 0; i < n; i += 16) {
    let y0 = combine(v128.load(a), v128.load(b), kind, zero), y1 = combine(v128.load(a, 16), v128.load(b, 16), kind, zero);
    let y2 = combine(v128.load(a, 32), v128.load(b, 32), kind, zero), y3 = combine(v128.load(a, 48), v128.load(b, 48), kind, zero);
    if (rectify) {
      y0 = max(zero, y0), y1 = max(zero, y1);
      y2 = max(zero, y2), y3 = max(zero, y3);
    }
    v128.store(to, y3, 48);
    v128.store(to, y2, 32);
    v128.store(to, y1, 16);
    v128.store(to, y0);
    a += 64;
    b += 64;
    to += 64;
  }
}

export function add(m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize): void {
  pairLoop(to, a, b, n, SUM, false);
}

export function addRelu(m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize): void {
  pairLoop(to, a, b, n, SUM, true);
}

export function multiply(m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize): void {
  pairLoop(to, a, b, n, PRODUCT, false);
}

// to = b where a > 0
export function mask(m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize): void {
  pairLoop(to, a, b, n, MASK, false);
}

// to = factor · a
export function scale(m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize): void {
  const f = f32x4.splat(reinterpret<f32>(<i32>m.extra));
  for (let i = 0; i < n; i += 16) {
    const y0 = f32x4.mul(v128.load(a), f), y1 = f32x4.mul(v128.load(a, 16), f);
    const y2 = f32x4.mul(v128.load(a, 32), f), y3 = f32x4.mul(v128.load(a, 48), f);
    v128.store(to, y3, 48);
    v128.store(to, y2, 32);
    v128.store(to, y1, 16);
    v128.store(to, y0);
    a += 64;
    to += 64;
  }
}

// to = max(0, a); of two operands that do not compare the second is kept, so NaN stays NaN
export function relu(m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize): void {
  const zero = f32x4.splat(0);
  for (let i = 0; i < n; i += 16) {
    const y0 = max(zero, v128.load(a)), y1 = max(zero, v128.load(a, 16));
    const y2 = max(zero, v128.load(a, 32)), y3 = max(zero, v128.load(a, 48));
    v128.store(to, y3, 48);
    v128.store(to, y2, 32);
    v128.store(to, y1, 16);
    v128.store(to, y0);
    a += 64;
    to += 64;
  }
}

// g = a where b · forward [0,period] + forward [1,period] > 0 when `masked`, else a; to = g, or with `gradient`
// to = table [0,period] · g + table [1,period] · b + table [2,period]
// @ts-ignore: decorator
@inline function gradientRange(
  to: usize, a: usize, b: usize, table: usize, forward: usize, stride: usize, width: usize, periods: i32,
  masked: bool, gradient: bool,
): void {
  const zero = f32x4.splat(0);
  for (let p = 0; p < periods; p += STRIP) {
    const strip = min(periods - p, STRIP);
    for (let i: usize = 0; i < width; i += 32) {
      let a0 = zero, a1 = zero, b0 = zero, b1 = zero, d0 = zero, d1 = zero;
      if (gradient) {
        const ta = table + i, tb = ta + stride, td = tb + stride;
        a0 = v128.load(ta), a1 = v128.load(ta, 16), b0 = v128.load(tb), b1 = v128.load(tb, 16);
        d0 = v128.load(td), d1 = v128.load(td, 16);
      }
      let k0 = zero, k1 = zero, t0 = zero, t1 = zero;
      if (masked) {
        const scale = forward + i, shift = scale + stride;
        k0 = v128.load(scale), k1 = v128.load(scale, 16);
        t0 = v128.load(shift), t1 = v128.load(shift, 16);
      }
      let from = b + i, g = a + i, out = to + i;
      for (let s = 0; s < strip; s++) {
        const x0 = v128.load(from), x1 = v128.load(from, 16);
        let g0 = v128.load(g), g1 = v128.load(g, 16);
        if (masked) {
          g0 = v128.and(g0, f32x4.gt(madd(x0, k0, t0), zero));
          g1 = v128.and(g1, f32x4.gt(madd(x1, k1, t1), zero));
        }
        if (gradient) {
          g0 = madd(a0, g0, madd(b0, x0, d0));
          g1 = madd(a1, g1, madd(b1, x1, d1));
        }
        v128.store(out, g1, 16);
        v128.store(out, g0);
        from += stride;
        g += stride;
        out += stride;
      }
    }
    a += <usize>STRIP * stride;
    b += <usize>STRIP * stride;
    to += <usize>STRIP * stride;
  }
}

// @ts-ignore: decorator
@inline function gradientLoop(
  m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize, masked: bool, gradient: bool,
): void {
  const periods = <i32>((<usize>n << 2) / stride), done = <usize>periods * stride, rest = (<usize>n << 2) - done;
  gradientRange(to, a, b, m.table, m.extra, stride, stride, periods, masked, gradient);
  if (rest) gradientRange(to + done, a + done, b + done, m.table, m.extra, stride, rest, 1, masked, gradient);
}

export function affineMask(m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize): void {
  gradientLoop(m, to, a, b, n, stride, true, false);
}

export function affineGradient(m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize): void {
  gradientLoop(m, to, a, b, n, stride, false, true);
}

export function maskedAffineGradient(m: MicroOp, to: usize, a: usize, b: usize, n: i32, stride: usize): void {
  gradientLoop(m, to, a, b, n, stride, true, true);
}

// sums [2,period] += a − pivot and (a − pivot)², strip by strip: sums of sums round less
function addMoments(sums: usize, a: usize, pivot: usize, stride: usize, periods: i32): void {
  for (let p = 0; p < periods; p += STRIP) {
    const strip = min(periods - p, STRIP);
    for (let i: usize = 0; i < stride; i += 64) {
      const s = sums + i, q = s + stride, v = pivot + i;
      const p0 = v128.load(v), p1 = v128.load(v, 16), p2 = v128.load(v, 32), p3 = v128.load(v, 48);
      let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, q0 = s0, q1 = s0, q2 = s0, q3 = s0;
      let from = a + i;
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
    a += <usize>STRIP * stride;
  }
}

// partial: rows, pivot [period], sums of a − pivot and of (a − pivot)²; the pivot of a channel is its first value.
// m.extra holds the number of channels.
export function moments(m: MicroOp, partial: usize, a: usize, b: usize, n: i32, stride: usize): void {
  const channels = <i32>m.extra, pivot = partial + 64, sums = pivot + stride;
  if (load<i32>(partial) == 0)
    for (let i: usize = 0; i < stride; i += <usize>channels << 2) memory.copy(pivot + i, a, <usize>channels << 2);
  store<i32>(partial, load<i32>(partial) + n / channels);
  const periods = <i32>((<usize>n << 2) / stride), done = <usize>periods * stride;
  addMoments(sums, a, pivot, stride, periods);
  const rest = a + done, count = n - <i32>(done >> 2);
  for (let i = 0; i < count; i += 4) {
    const at = <usize>i << 2, to = sums + at;
    const v = v128.and(f32x4.sub(v128.load(rest + at), v128.load(pivot + at)), laneMask(count - i));
    v128.store(to + stride, madd(v, v, v128.load(to + stride)));
    v128.store(to, f32x4.add(v128.load(to), v));
  }
}

// sums [2,period] += g and g · (b − mean), where g is a, or a where b · forward [0] + forward [1] > 0 when `masked`
// @ts-ignore: decorator
@inline function addProducts(
  sums: usize, a: usize, b: usize, mean: usize, forward: usize, stride: usize, periods: i32, masked: bool,
): void {
  const zero = f32x4.splat(0);
  for (let p = 0; p < periods; p += STRIP) {
    const strip = min(periods - p, STRIP);
    for (let i: usize = 0; i < stride; i += 64) {
      const s = sums + i, q = s + stride, v = mean + i;
      const m0 = v128.load(v), m1 = v128.load(v, 16), m2 = v128.load(v, 32), m3 = v128.load(v, 48);
      let k0 = zero, k1 = zero, k2 = zero, k3 = zero, t0 = zero, t1 = zero, t2 = zero, t3 = zero;
      if (masked) {
        const scale = forward + i, shift = scale + stride;
        k0 = v128.load(scale), k1 = v128.load(scale, 16), k2 = v128.load(scale, 32), k3 = v128.load(scale, 48);
        t0 = v128.load(shift), t1 = v128.load(shift, 16), t2 = v128.load(shift, 32), t3 = v128.load(shift, 48);
      }
      let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, q0 = s0, q1 = s0, q2 = s0, q3 = s0;
      let from = b + i, g = a + i;
      for (let k = 0; k < strip; k++) {
        const x0 = v128.load(from), x1 = v128.load(from, 16), x2 = v128.load(from, 32), x3 = v128.load(from, 48);
        let g0 = v128.load(g), g1 = v128.load(g, 16), g2 = v128.load(g, 32), g3 = v128.load(g, 48);
        if (masked) {
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
    a += <usize>STRIP * stride;
    b += <usize>STRIP * stride;
  }
}

// The same of fewer elements than a period
function addProductsRest(
  sums: usize, a: usize, b: usize, mean: usize, forward: usize, stride: usize, count: i32, masked: bool,
): void {
  for (let i = 0; i < count; i += 4) {
    const at = <usize>i << 2, to = sums + at, lanes = laneMask(count - i);
    const x = v128.load(b + at), v = v128.and(f32x4.sub(x, v128.load(mean + at)), lanes);
    let g = v128.and(v128.load(a + at), lanes);
    if (masked)
      g = v128.and(g, f32x4.gt(madd(x, v128.load(forward + at), v128.load(forward + stride + at)), f32x4.splat(0)));
    v128.store(to + stride, madd(v, g, v128.load(to + stride)));
    v128.store(to, f32x4.add(v128.load(to), g));
  }
}

// @ts-ignore: decorator
@inline function productsLoop(m: MicroOp, partial: usize, a: usize, b: usize, n: i32, stride: usize, masked: bool): void {
  const sums = partial + 64 + stride, forward = m.table, mean = forward + 2 * stride;
  const periods = <i32>((<usize>n << 2) / stride), done = <usize>periods * stride;
  addProducts(sums, a, b, mean, forward, stride, periods, masked);
  const rest = n - <i32>(done >> 2);
  if (rest) addProductsRest(sums, a + done, b + done, mean, forward, stride, rest, masked);
}

// partial: a vector that is not used, then sums [2,period] of a and of a · (b − mean), with table [3,period]: scale,
// shift, mean
export function products(m: MicroOp, partial: usize, a: usize, b: usize, n: i32, stride: usize): void {
  productsLoop(m, partial, a, b, n, stride, false);
}

// The same of a where b · scale + shift > 0
export function maskedProducts(m: MicroOp, partial: usize, a: usize, b: usize, n: i32, stride: usize): void {
  productsLoop(m, partial, a, b, n, stride, true);
}
