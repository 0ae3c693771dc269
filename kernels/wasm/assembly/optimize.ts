import { madd, nmadd, roundUp16, share } from "./simd";

// Updates of many arrays are one step: what they have in common comes first, then a list [count, what belongs to each…].
// Threads share all elements of the list, each array rounded up to 16.

/** Of lists whose items take `words`, with the elements of an array at `n`. */
// @ts-ignore: decorator
@inline function elements(list: usize, words: i32, n: usize): i32 {
  let total = 0;
  for (let i = 0; i < load<i32>(list); i++) total += roundUp16(load<i32>(list + 4 + (<usize>(i * words) << 2) + n));
  return total;
}

// y [] = min(1, maxNorm / √s [])
export function clipFactor(a: usize, thread: i32, threads: i32): void {
  if (thread != 0) return;
  const norm = Math.sqrt(<f64>load<f32>(<usize>load<u32>(a, 4)));
  store<f32>(<usize>load<u32>(a), <f32>Math.min(1, load<f64>(a, 8) / norm));
}

// Of each: y [n] = running + momentum · (factor · value − running)
export function movingAverage(a: usize, thread: i32, threads: i32): void {
  const total = elements(a, 6, 12), count = load<i32>(a);
  let begin = share(total, 1024, thread, threads), end = share(total, 1024, thread + 1, threads);
  for (let item = a + 4, k = 0; k < count && end > 0; k++) {
    const n = load<i32>(item, 12), momentum = v128.load32_splat(item, 16), factor = v128.load32_splat(item, 20);
    const y = <usize>load<u32>(item), running = <usize>load<u32>(item, 4), value = <usize>load<u32>(item, 8);
    for (let i = <usize>max(begin, 0) << 2, last = <usize>min(end, n) << 2; i < last; i += 32) {
      const r0 = v128.load(running + i), r1 = v128.load(running + i, 16);
      const y0 = madd(momentum, f32x4.sub(f32x4.mul(factor, v128.load(value + i)), r0), r0);
      const y1 = madd(momentum, f32x4.sub(f32x4.mul(factor, v128.load(value + i, 16)), r1), r1);
      v128.store(y + i, y1, 16);
      v128.store(y + i, y0);
    }
    begin -= roundUp16(n);
    end -= roundUp16(n);
    item += 24;
  }
}

// step [], decay; of each: y [n] = average + (1 − min(decay, (1 + step) / (10 + step))) · (value − average)
export function exponentialMovingAverage(a: usize, thread: i32, threads: i32): void {
  const step = <f64>load<f32>(<usize>load<u32>(a)), list = a + 12;
  const newest = f32x4.splat(<f32>(1 - Math.min(load<f64>(a, 4), (1 + step) / (10 + step))));
  const total = elements(list, 4, 12), count = load<i32>(list);
  let begin = share(total, 1024, thread, threads), end = share(total, 1024, thread + 1, threads);
  for (let item = list + 4, k = 0; k < count && end > 0; k++) {
    const y = <usize>load<u32>(item), average = <usize>load<u32>(item, 4), value = <usize>load<u32>(item, 8);
    const n = load<i32>(item, 12);
    for (let i = <usize>max(begin, 0) << 2, last = <usize>min(end, n) << 2; i < last; i += 32) {
      const a0 = v128.load(average + i), a1 = v128.load(average + i, 16);
      const y0 = madd(newest, f32x4.sub(v128.load(value + i), a0), a0);
      const y1 = madd(newest, f32x4.sub(v128.load(value + i, 16), a1), a1);
      v128.store(y + i, y1, 16);
      v128.store(y + i, y0);
    }
    begin -= roundUp16(n);
    end -= roundUp16(n);
    item += 16;
  }
}

// learningRate [], step [], gradientFactor [] (0 when absent), β1, β2, ε; of each: p', m', v' [n] from p, g, m, v, and
// its weight decay
export function adamW(a: usize, thread: i32, threads: i32): void {
  const list = a + 36, total = elements(list, 10, 28), count = load<i32>(list);
  let begin = share(total, 1024, thread, threads), end = share(total, 1024, thread + 1, threads);
  if (begin == end) return;
  const rate = <f64>load<f32>(<usize>load<u32>(a)), step = <f64>load<f32>(<usize>load<u32>(a, 4));
  const factorAt = <usize>load<u32>(a, 8);
  const beta1 = load<f64>(a, 12), beta2 = load<f64>(a, 20), e = f32x4.splat(<f32>load<f64>(a, 28));
  const factor = f32x4.splat(factorAt ? load<f32>(factorAt) : 1);
  const b1 = f32x4.splat(<f32>beta1), c1 = f32x4.splat(<f32>(1 - beta1));
  const b2 = f32x4.splat(<f32>beta2), c2 = f32x4.splat(<f32>(1 - beta2));
  const size = f32x4.splat(<f32>(rate / (1 - Math.pow(beta1, step))));
  const root = f32x4.splat(<f32>(1 / Math.sqrt(1 - Math.pow(beta2, step))));
  for (let item = list + 4, k = 0; k < count && end > 0; k++) {
    const pOut = <usize>load<u32>(item), mOut = <usize>load<u32>(item, 4), vOut = <usize>load<u32>(item, 8);
    const p = <usize>load<u32>(item, 12), g = <usize>load<u32>(item, 16);
    const m = <usize>load<u32>(item, 20), v = <usize>load<u32>(item, 24), n = load<i32>(item, 28);
    const decay = f32x4.splat(<f32>(1 - rate * load<f64>(item, 32)));
    for (let i = <usize>max(begin, 0) << 2, last = <usize>min(end, n) << 2; i < last; i += 32) {
      const g0 = f32x4.mul(v128.load(g + i), factor), g1 = f32x4.mul(v128.load(g + i, 16), factor);
      const p0 = f32x4.mul(v128.load(p + i), decay), p1 = f32x4.mul(v128.load(p + i, 16), decay);
      const m0 = madd(c1, g0, f32x4.mul(b1, v128.load(m + i))), m1 = madd(c1, g1, f32x4.mul(b1, v128.load(m + i, 16)));
      const v0 = madd(f32x4.mul(c2, g0), g0, f32x4.mul(b2, v128.load(v + i)));
      const v1 = madd(f32x4.mul(c2, g1), g1, f32x4.mul(b2, v128.load(v + i, 16)));
      const d0 = madd(f32x4.sqrt(v0), root, e), d1 = madd(f32x4.sqrt(v1), root, e);
      const q0 = nmadd(size, f32x4.div(m0, d0), p0), q1 = nmadd(size, f32x4.div(m1, d1), p1);
      v128.store(mOut + i, m1, 16);
      v128.store(mOut + i, m0);
      v128.store(vOut + i, v1, 16);
      v128.store(vOut + i, v0);
      v128.store(pOut + i, q1, 16);
      v128.store(pOut + i, q0);
    }
    begin -= roundUp16(n);
    end -= roundUp16(n);
    item += 40;
  }
}

// learningRate [], gradientFactor [] (0 when absent), momentum, nesterov; of each: p', velocity' [n] from p, g, velocity,
// and its weight decay
export function sgd(a: usize, thread: i32, threads: i32): void {
  const list = a + 16, total = elements(list, 7, 20), count = load<i32>(list);
  let begin = share(total, 1024, thread, threads), end = share(total, 1024, thread + 1, threads);
  const rate = v128.load32_splat(<usize>load<u32>(a)), factorAt = <usize>load<u32>(a, 4);
  const momentum = v128.load32_splat(a, 8), nesterov = load<i32>(a, 12);
  const factor = f32x4.splat(factorAt ? load<f32>(factorAt) : 1);
  for (let item = list + 4, k = 0; k < count && end > 0; k++) {
    const pOut = <usize>load<u32>(item), velocityOut = <usize>load<u32>(item, 4);
    const p = <usize>load<u32>(item, 8), g = <usize>load<u32>(item, 12), velocity = <usize>load<u32>(item, 16);
    const n = load<i32>(item, 20), decay = v128.load32_splat(item, 24);
    for (let i = <usize>max(begin, 0) << 2, last = <usize>min(end, n) << 2; i < last; i += 32) {
      const p0 = v128.load(p + i), p1 = v128.load(p + i, 16);
      const g0 = madd(decay, p0, f32x4.mul(factor, v128.load(g + i)));
      const g1 = madd(decay, p1, f32x4.mul(factor, v128.load(g + i, 16)));
      const v0 = madd(momentum, v128.load(velocity + i), g0), v1 = madd(momentum, v128.load(velocity + i, 16), g1);
      let s0 = v0, s1 = v1;
      if (nesterov) {
        s0 = madd(momentum, v0, g0);
        s1 = madd(momentum, v1, g1);
      }
      const q0 = nmadd(rate, s0, p0), q1 = nmadd(rate, s1, p1);
      v128.store(velocityOut + i, v1, 16);
      v128.store(velocityOut + i, v0);
      v128.store(pOut + i, q1, 16);
      v128.store(pOut + i, q0);
    }
    begin -= roundUp16(n);
    end -= roundUp16(n);
    item += 28;
  }
}
