import { partialBytes } from "./chain";
import { share, storeLanes } from "./simd";

// Sums are of doubles, four channels at a time: `…0` holds the first two of them, `…1` the others.

// @ts-ignore: decorator
@inline function at(base: usize, index: i32): usize {
  return base + (<usize>index << 2);
}

// @ts-ignore: decorator
@inline function first(x: v128): v128 {
  return f64x2.promote_low_f32x4(x);
}

// @ts-ignore: decorator
@inline function last(x: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<f32>(x, x, 2, 3, 2, 3));
}

// @ts-ignore: decorator
@inline function rounded(x0: v128, x1: v128): v128 {
  return v128.shuffle<f32>(f32x4.demote_f64x2_zero(x0), f32x4.demote_f64x2_zero(x1), 0, 1, 4, 5);
}

/** Writes rows of a table [3,period] for `lanes` channels, to all their places. */
function fillTable(table: usize, channel: i32, lanes: i32, c: i32, period: i32, x: v128, y: v128, z: v128): void {
  for (let i = channel; i < period; i += c) {
    storeLanes(at(table, i), x, lanes);
    storeLanes(at(table, period + i), y, lanes);
    storeLanes(at(table, 2 * period + i), z, lanes);
  }
}

/**
 * Writes scale gamma / √(variance + ε), shift beta − mean · scale and the mean to table [3,period]. Both passes of
 * training read this one table, so a rectified element is one in both.
 */
function tabulate(
  table: usize, channel: i32, lanes: i32, c: i32, period: i32, mean: v128, variance: v128, gamma: usize, beta: usize,
  epsilon: f64,
): void {
  const one = f64x2.splat(1), e = f64x2.splat(epsilon);
  let k0 = f64x2.div(one, f64x2.sqrt(f64x2.add(first(variance), e)));
  let k1 = f64x2.div(one, f64x2.sqrt(f64x2.add(last(variance), e)));
  if (gamma) {
    const g = v128.load(at(gamma, channel));
    k0 = f64x2.mul(k0, first(g));
    k1 = f64x2.mul(k1, last(g));
  }
  const b = beta ? v128.load(at(beta, channel)) : f32x4.splat(0);
  const shift0 = f64x2.sub(first(b), f64x2.mul(first(mean), k0)), shift1 = f64x2.sub(last(b), f64x2.mul(last(mean), k1));
  fillTable(table, channel, lanes, c, period, rounded(k0, k1), rounded(shift0, shift1), mean);
}

// table [3,period]: gamma / √(variance + ε), beta − mean · that, and mean; gamma and beta may be 0 (absent)
export function batchNormTable(a: usize, thread: i32, threads: i32): void {
  const table = <usize>load<u32>(a), mean = <usize>load<u32>(a, 4), variance = <usize>load<u32>(a, 8);
  const gamma = <usize>load<u32>(a, 12), beta = <usize>load<u32>(a, 16), c = load<i32>(a, 20), period = load<i32>(a, 24);
  const epsilon = load<f64>(a, 28), end = share(c, 16, thread + 1, threads);
  for (let channel = share(c, 16, thread, threads); channel < end; channel += 4) {
    const m = v128.load(at(mean, channel)), v = v128.load(at(variance, channel));
    tabulate(table, channel, min(4, end - channel), c, period, m, v, gamma, beta, epsilon);
  }
}

// mean [c], variance [c] (biased), table [3,period] from the partial moments of `chunks`, gamma, beta (0 when absent)
export function batchNormStatistics(a: usize, thread: i32, threads: i32): void {
  const mean = <usize>load<u32>(a), variance = <usize>load<u32>(a, 4), table = <usize>load<u32>(a, 8);
  const partials = <usize>load<u32>(a, 12), chunks = load<i32>(a, 16);
  const gamma = <usize>load<u32>(a, 20), beta = <usize>load<u32>(a, 24);
  const rows = f64x2.splat(<f64>load<i32>(a, 28)), c = load<i32>(a, 32), period = load<i32>(a, 36);
  const epsilon = load<f64>(a, 40), two = f64x2.splat(2), none = f64x2.splat(0);
  const bytes = partialBytes(<usize>period << 2), end = share(c, 16, thread + 1, threads);
  for (let channel = share(c, 16, thread, threads); channel < end; channel += 4) {
    let sum0 = none, sum1 = none;
    for (let chunk = 0; chunk < chunks; chunk++) {
      const partial = partials + <usize>chunk * bytes, count = f64x2.splat(<f64>load<i32>(partial));
      const centre = v128.load(at(partial, channel), 64);
      sum0 = f64x2.add(sum0, f64x2.mul(count, first(centre)));
      sum1 = f64x2.add(sum1, f64x2.mul(count, last(centre)));
      for (let i = channel; i < period; i += c) {
        const s = v128.load(at(partial, period + i), 64);
        sum0 = f64x2.add(sum0, first(s));
        sum1 = f64x2.add(sum1, last(s));
      }
    }
    const average0 = f64x2.div(sum0, rows), average1 = f64x2.div(sum1, rows);
    let squares0 = none, squares1 = none;
    for (let chunk = 0; chunk < chunks; chunk++) {
      const partial = partials + <usize>chunk * bytes, count = f64x2.splat(<f64>load<i32>(partial));
      let s0 = none, s1 = none;
      for (let i = channel; i < period; i += c) {
        const s = v128.load(at(partial, period + i), 64), q = v128.load(at(partial, 2 * period + i), 64);
        s0 = f64x2.add(s0, first(s));
        s1 = f64x2.add(s1, last(s));
        squares0 = f64x2.add(squares0, first(q));
        squares1 = f64x2.add(squares1, last(q));
      }
      const centre = v128.load(at(partial, channel), 64);
      const d0 = f64x2.sub(first(centre), average0), d1 = f64x2.sub(last(centre), average1);
      squares0 = f64x2.add(squares0, f64x2.mul(d0, f64x2.add(f64x2.mul(two, s0), f64x2.mul(count, d0))));
      squares1 = f64x2.add(squares1, f64x2.mul(d1, f64x2.add(f64x2.mul(two, s1), f64x2.mul(count, d1))));
    }
    const average = rounded(average0, average1), lanes = min(4, end - channel);
    const spread = rounded(f64x2.max(f64x2.div(squares0, rows), none), f64x2.max(f64x2.div(squares1, rows), none));
    storeLanes(at(mean, channel), average, lanes);
    storeLanes(at(variance, channel), spread, lanes);
    tabulate(table, channel, lanes, c, period, average, spread, gamma, beta, epsilon);
  }
}

// table [3,period] of dx = A · dy + B · x + D, and dgamma [c], dbeta [c] (0 when absent), from the partial products of
// `chunks`, mean, variance, gamma (0 when absent)
export function batchNormGradientTable(a: usize, thread: i32, threads: i32): void {
  const table = <usize>load<u32>(a), dgamma = <usize>load<u32>(a, 4), dbeta = <usize>load<u32>(a, 8);
  const partials = <usize>load<u32>(a, 12), chunks = load<i32>(a, 16);
  const mean = <usize>load<u32>(a, 20), variance = <usize>load<u32>(a, 24), gamma = <usize>load<u32>(a, 28);
  const rows = f64x2.splat(<f64>load<i32>(a, 32)), c = load<i32>(a, 36), period = load<i32>(a, 40);
  const e = f64x2.splat(load<f64>(a, 44)), one = f64x2.splat(1), none = f64x2.splat(0);
  const bytes = partialBytes(<usize>period << 2), end = share(c, 16, thread + 1, threads);
  for (let channel = share(c, 16, thread, threads); channel < end; channel += 4) {
    let sum0 = none, sum1 = none, product0 = none, product1 = none;
    for (let chunk = 0; chunk < chunks; chunk++) {
      const partial = partials + <usize>chunk * bytes;
      for (let i = channel; i < period; i += c) {
        const s = v128.load(at(partial, period + i), 64), p = v128.load(at(partial, 2 * period + i), 64);
        sum0 = f64x2.add(sum0, first(s));
        sum1 = f64x2.add(sum1, last(s));
        product0 = f64x2.add(product0, first(p));
        product1 = f64x2.add(product1, last(p));
      }
    }
    const m = v128.load(at(mean, channel)), v = v128.load(at(variance, channel)), lanes = min(4, end - channel);
    const inverse0 = f64x2.div(one, f64x2.sqrt(f64x2.add(first(v), e)));
    const inverse1 = f64x2.div(one, f64x2.sqrt(f64x2.add(last(v), e)));
    let A0 = inverse0, A1 = inverse1;
    if (gamma) {
      const g = v128.load(at(gamma, channel));
      A0 = f64x2.mul(A0, first(g));
      A1 = f64x2.mul(A1, last(g));
    }
    const n0 = f64x2.neg(A0), n1 = f64x2.neg(A1);
    const B0 = f64x2.div(f64x2.mul(f64x2.mul(f64x2.mul(n0, inverse0), inverse0), product0), rows);
    const B1 = f64x2.div(f64x2.mul(f64x2.mul(f64x2.mul(n1, inverse1), inverse1), product1), rows);
    const D0 = f64x2.sub(f64x2.div(f64x2.mul(n0, sum0), rows), f64x2.mul(B0, first(m)));
    const D1 = f64x2.sub(f64x2.div(f64x2.mul(n1, sum1), rows), f64x2.mul(B1, last(m)));
    if (dgamma) storeLanes(at(dgamma, channel), rounded(f64x2.mul(product0, inverse0), f64x2.mul(product1, inverse1)), lanes);
    if (dbeta) storeLanes(at(dbeta, channel), rounded(sum0, sum1), lanes);
    fillTable(table, channel, lanes, c, period, rounded(A0, A1), rounded(B0, B1), rounded(D0, D1));
  }
}
