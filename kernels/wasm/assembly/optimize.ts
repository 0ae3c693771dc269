import { madd, nmadd, share } from "./simd";

// y [] = min(1, maxNorm / √s [])
export function clipFactor(a: usize, thread: i32, threads: i32): void {
  if (thread != 0) return;
  const norm = Math.sqrt(<f64>load<f32>(<usize>load<u32>(a, 4)));
  store<f32>(<usize>load<u32>(a), <f32>Math.min(1, load<f64>(a, 8) / norm));
}

// y [n] = running + momentum · (factor · value − running)
export function movingAverage(a: usize, thread: i32, threads: i32): void {
  const n = load<i32>(a, 12), momentum = v128.load32_splat(a, 16), factor = v128.load32_splat(a, 20);
  const begin = share(n, 1024, thread, threads), end = share(n, 1024, thread + 1, threads), at = <usize>begin << 2;
  const y = <usize>load<u32>(a), running = <usize>load<u32>(a, 4), value = <usize>load<u32>(a, 8);
  for (let i = at; i < <usize>end << 2; i += 32) {
    const r0 = v128.load(running + i), r1 = v128.load(running + i, 16);
    const y0 = madd(momentum, f32x4.sub(f32x4.mul(factor, v128.load(value + i)), r0), r0);
    const y1 = madd(momentum, f32x4.sub(f32x4.mul(factor, v128.load(value + i, 16)), r1), r1);
    v128.store(y + i, y1, 16);
    v128.store(y + i, y0);
  }
}

// y [n] = average + (1 − min(decay, (1 + step) / (10 + step))) · (value − average), step []
export function exponentialMovingAverage(a: usize, thread: i32, threads: i32): void {
  const n = load<i32>(a, 16), begin = share(n, 1024, thread, threads), end = share(n, 1024, thread + 1, threads);
  const y = <usize>load<u32>(a), average = <usize>load<u32>(a, 4), value = <usize>load<u32>(a, 8);
  const step = <f64>load<f32>(<usize>load<u32>(a, 12));
  const newest = f32x4.splat(<f32>(1 - Math.min(load<f64>(a, 20), (1 + step) / (10 + step))));
  for (let i = <usize>begin << 2; i < <usize>end << 2; i += 32) {
    const a0 = v128.load(average + i), a1 = v128.load(average + i, 16);
    const y0 = madd(newest, f32x4.sub(v128.load(value + i), a0), a0);
    const y1 = madd(newest, f32x4.sub(v128.load(value + i, 16), a1), a1);
    v128.store(y + i, y1, 16);
    v128.store(y + i, y0);
  }
}

// p', m', v' [n] from p, g, m, v, learningRate [], step [], gradientFactor [] (0 when absent)
export function adamW(a: usize, thread: i32, threads: i32): void {
  const n = load<i32>(a, 40), begin = share(n, 1024, thread, threads), end = share(n, 1024, thread + 1, threads);
  if (begin == end) return;
  const pOut = <usize>load<u32>(a), mOut = <usize>load<u32>(a, 4), vOut = <usize>load<u32>(a, 8);
  const p = <usize>load<u32>(a, 12), g = <usize>load<u32>(a, 16), m = <usize>load<u32>(a, 20), v = <usize>load<u32>(a, 24);
  const rate = <f64>load<f32>(<usize>load<u32>(a, 28)), step = <f64>load<f32>(<usize>load<u32>(a, 32));
  const factorAt = <usize>load<u32>(a, 36);
  const beta1 = load<f64>(a, 44), beta2 = load<f64>(a, 52), epsilon = load<f64>(a, 60), weightDecay = load<f64>(a, 68);
  const factor = f32x4.splat(factorAt ? load<f32>(factorAt) : 1);
  const decay = f32x4.splat(<f32>(1 - rate * weightDecay));
  const b1 = f32x4.splat(<f32>beta1), c1 = f32x4.splat(<f32>(1 - beta1));
  const b2 = f32x4.splat(<f32>beta2), c2 = f32x4.splat(<f32>(1 - beta2));
  const size = f32x4.splat(<f32>(rate / (1 - Math.pow(beta1, step))));
  const root = f32x4.splat(<f32>(1 / Math.sqrt(1 - Math.pow(beta2, step)))), e = f32x4.splat(<f32>epsilon);
  for (let i = <usize>begin << 2; i < <usize>end << 2; i += 32) {
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
}

// p', velocity' [n] from p, g, velocity, learningRate [], gradientFactor [] (0 when absent)
export function sgd(a: usize, thread: i32, threads: i32): void {
  const n = load<i32>(a, 28), begin = share(n, 1024, thread, threads), end = share(n, 1024, thread + 1, threads);
  if (begin == end) return;
  const pOut = <usize>load<u32>(a), velocityOut = <usize>load<u32>(a, 4);
  const p = <usize>load<u32>(a, 8), g = <usize>load<u32>(a, 12), velocity = <usize>load<u32>(a, 16);
  const rate = v128.load32_splat(<usize>load<u32>(a, 20)), factorAt = <usize>load<u32>(a, 24);
  const momentum = v128.load32_splat(a, 32), decay = v128.load32_splat(a, 36), nesterov = load<i32>(a, 40);
  const factor = f32x4.splat(factorAt ? load<f32>(factorAt) : 1);
  for (let i = <usize>begin << 2; i < <usize>end << 2; i += 32) {
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
}
