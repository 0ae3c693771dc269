import { max, share } from "./simd";

// All arrays are walked in blocks of 16 floats; the last block may reach into the slack behind the array.

// y [n] = x [n] + z [n]
export function add(a: usize, thread: i32, threads: i32): void {
  const n = load<i32>(a, 12);
  const begin = share(n, 1024, thread, threads), end = share(n, 1024, thread + 1, threads);
  const at = <usize>begin << 2;
  let y = <usize>load<u32>(a) + at, x = <usize>load<u32>(a, 4) + at, z = <usize>load<u32>(a, 8) + at;
  for (let i = begin; i < end; i += 16) {
    const a0 = f32x4.add(v128.load(x), v128.load(z)), a1 = f32x4.add(v128.load(x, 16), v128.load(z, 16));
    const a2 = f32x4.add(v128.load(x, 32), v128.load(z, 32)), a3 = f32x4.add(v128.load(x, 48), v128.load(z, 48));
    v128.store(y, a3, 48);
    v128.store(y, a2, 32);
    v128.store(y, a1, 16);
    v128.store(y, a0);
    x += 64;
    y += 64;
    z += 64;
  }
}

// y [n] = x [n] · z [n]
export function multiply(a: usize, thread: i32, threads: i32): void {
  const n = load<i32>(a, 12);
  const begin = share(n, 1024, thread, threads), end = share(n, 1024, thread + 1, threads);
  const at = <usize>begin << 2;
  let y = <usize>load<u32>(a) + at, x = <usize>load<u32>(a, 4) + at, z = <usize>load<u32>(a, 8) + at;
  for (let i = begin; i < end; i += 16) {
    const a0 = f32x4.mul(v128.load(x), v128.load(z)), a1 = f32x4.mul(v128.load(x, 16), v128.load(z, 16));
    const a2 = f32x4.mul(v128.load(x, 32), v128.load(z, 32)), a3 = f32x4.mul(v128.load(x, 48), v128.load(z, 48));
    v128.store(y, a3, 48);
    v128.store(y, a2, 32);
    v128.store(y, a1, 16);
    v128.store(y, a0);
    x += 64;
    y += 64;
    z += 64;
  }
}

// y [n] = factor · x [n]
export function scale(a: usize, thread: i32, threads: i32): void {
  const n = load<i32>(a, 8), f = v128.load32_splat(a, 12);
  const begin = share(n, 1024, thread, threads), end = share(n, 1024, thread + 1, threads);
  const at = <usize>begin << 2;
  let y = <usize>load<u32>(a) + at, x = <usize>load<u32>(a, 4) + at;
  for (let i = begin; i < end; i += 16) {
    const a0 = f32x4.mul(v128.load(x), f), a1 = f32x4.mul(v128.load(x, 16), f);
    const a2 = f32x4.mul(v128.load(x, 32), f), a3 = f32x4.mul(v128.load(x, 48), f);
    v128.store(y, a3, 48);
    v128.store(y, a2, 32);
    v128.store(y, a1, 16);
    v128.store(y, a0);
    x += 64;
    y += 64;
  }
}

// y [n] = max(0, x [n]); of two operands that do not compare the second is kept, so NaN stays NaN
export function relu(a: usize, thread: i32, threads: i32): void {
  const n = load<i32>(a, 8), zero = f32x4.splat(0);
  const begin = share(n, 1024, thread, threads), end = share(n, 1024, thread + 1, threads);
  const at = <usize>begin << 2;
  let y = <usize>load<u32>(a) + at, x = <usize>load<u32>(a, 4) + at;
  for (let i = begin; i < end; i += 16) {
    const a0 = max(zero, v128.load(x)), a1 = max(zero, v128.load(x, 16));
    const a2 = max(zero, v128.load(x, 32)), a3 = max(zero, v128.load(x, 48));
    v128.store(y, a3, 48);
    v128.store(y, a2, 32);
    v128.store(y, a1, 16);
    v128.store(y, a0);
    x += 64;
    y += 64;
  }
}

// dx [n] = y [n] > 0 ? dy [n] : 0
export function reluGradient(a: usize, thread: i32, threads: i32): void {
  const n = load<i32>(a, 12), zero = f32x4.splat(0);
  const begin = share(n, 1024, thread, threads), end = share(n, 1024, thread + 1, threads);
  const at = <usize>begin << 2;
  let dx = <usize>load<u32>(a) + at, y = <usize>load<u32>(a, 4) + at, dy = <usize>load<u32>(a, 8) + at;
  for (let i = begin; i < end; i += 16) {
    const a0 = v128.and(v128.load(dy), f32x4.gt(v128.load(y), zero));
    const a1 = v128.and(v128.load(dy, 16), f32x4.gt(v128.load(y, 16), zero));
    const a2 = v128.and(v128.load(dy, 32), f32x4.gt(v128.load(y, 32), zero));
    const a3 = v128.and(v128.load(dy, 48), f32x4.gt(v128.load(y, 48), zero));
    v128.store(dx, a3, 48);
    v128.store(dx, a2, 32);
    v128.store(dx, a1, 16);
    v128.store(dx, a0);
    y += 64;
    dy += 64;
    dx += 64;
  }
}
