import { partialBytes } from "./chain";
import { share } from "./simd";

// @ts-ignore: decorator
@inline function floatAt(base: usize, index: i32): f32 {
  return load<f32>(base + (<usize>index << 2));
}

/**
 * Writes scale gamma / √(variance + ε), shift beta − mean · scale and the mean of one channel to all its places in
 * table [3,period]. Both passes of training read this one table, so a rectified element is one in both.
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
    store<f32>(table + (<usize>(2 * period + i) << 2), mean);
  }
}

// table [3,period]: gamma / √(variance + ε), beta − mean · that, and mean; gamma and beta may be 0 (absent)
export function batchNormTable(a: usize, thread: i32, threads: i32): void {
  const table = <usize>load<u32>(a), mean = <usize>load<u32>(a, 4), variance = <usize>load<u32>(a, 8);
  const gamma = <usize>load<u32>(a, 12), beta = <usize>load<u32>(a, 16), c = load<i32>(a, 20), period = load<i32>(a, 24);
  const epsilon = load<f64>(a, 28), end = share(c, 16, thread + 1, threads);
  for (let channel = share(c, 16, thread, threads); channel < end; channel++) {
    tabulate(table, channel, c, period, floatAt(mean, channel), floatAt(variance, channel), gamma, beta, epsilon);
  }
}

// mean [c], variance [c] (biased), table [3,period] from the partial moments of `chunks`, gamma, beta (0 when absent)
export function batchNormStatistics(a: usize, thread: i32, threads: i32): void {
  const mean = <usize>load<u32>(a), variance = <usize>load<u32>(a, 4), table = <usize>load<u32>(a, 8);
  const partials = <usize>load<u32>(a, 12), chunks = load<i32>(a, 16);
  const gamma = <usize>load<u32>(a, 20), beta = <usize>load<u32>(a, 24);
  const rows = <f64>load<i32>(a, 28), c = load<i32>(a, 32), period = load<i32>(a, 36), epsilon = load<f64>(a, 40);
  const bytes = partialBytes(<usize>period << 2), end = share(c, 16, thread + 1, threads);
  for (let channel = share(c, 16, thread, threads); channel < end; channel++) {
    let sum: f64 = 0;
    for (let chunk = 0; chunk < chunks; chunk++) {
      const partial = partials + <usize>chunk * bytes;
      sum += <f64>load<i32>(partial) * <f64>floatAt(partial + 64, channel);
      for (let i = channel; i < period; i += c) sum += <f64>floatAt(partial + 64, period + i);
    }
    const average = sum / rows;
    let squares: f64 = 0;
    for (let chunk = 0; chunk < chunks; chunk++) {
      const partial = partials + <usize>chunk * bytes;
      let s: f64 = 0;
      for (let i = channel; i < period; i += c) {
        s += <f64>floatAt(partial + 64, period + i);
        squares += <f64>floatAt(partial + 64, 2 * period + i);
      }
      const distance = <f64>floatAt(partial + 64, channel) - average;
      squares += distance * (2 * s + <f64>load<i32>(partial) * distance);
    }
    const spread = Math.max(squares / rows, 0);
    store<f32>(mean + (<usize>channel << 2), <f32>average);
    store<f32>(variance + (<usize>channel << 2), <f32>spread);
    tabulate(table, channel, c, period, <f32>average, <f32>spread, gamma, beta, epsilon);
  }
}

// table [3,period] of dx = A · dy + B · x + D, and dgamma [c], dbeta [c] (0 when absent), from the partial products of
// `chunks`, mean, variance, gamma (0 when absent)
export function batchNormGradientTable(a: usize, thread: i32, threads: i32): void {
  const table = <usize>load<u32>(a), dgamma = <usize>load<u32>(a, 4), dbeta = <usize>load<u32>(a, 8);
  const partials = <usize>load<u32>(a, 12), chunks = load<i32>(a, 16);
  const mean = <usize>load<u32>(a, 20), variance = <usize>load<u32>(a, 24), gamma = <usize>load<u32>(a, 28);
  const rows = <f64>load<i32>(a, 32), c = load<i32>(a, 36), period = load<i32>(a, 40), epsilon = load<f64>(a, 44);
  const bytes = partialBytes(<usize>period << 2), end = share(c, 16, thread + 1, threads);
  for (let channel = share(c, 16, thread, threads); channel < end; channel++) {
    let sum: f64 = 0, product: f64 = 0;
    for (let chunk = 0; chunk < chunks; chunk++) {
      const partial = partials + <usize>chunk * bytes + 64;
      for (let i = channel; i < period; i += c) {
        sum += <f64>floatAt(partial, period + i);
        product += <f64>floatAt(partial, 2 * period + i);
      }
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
