import { share } from "./simd";

// @ts-ignore: decorator
@inline function mixScalar(bits: u32): u32 {
  bits = (bits ^ (bits >> 16)) * 0x7feb352d;
  bits = (bits ^ (bits >> 15)) * 0x846ca68b;
  return bits ^ (bits >> 16);
}

/** engine/random.ts: mixBits of (hash ^ word) + the golden ratio. */
// @ts-ignore: decorator
@inline function absorb(hash: u32, word: u32): u32 {
  return mixScalar((hash ^ word) + 0x9e3779b9);
}

// @ts-ignore: decorator
@inline function mix(bits: v128, m1: v128, m2: v128): v128 {
  bits = i32x4.mul(v128.xor(bits, i32x4.shr_u(bits, 16)), m1);
  bits = i32x4.mul(v128.xor(bits, i32x4.shr_u(bits, 15)), m2);
  return v128.xor(bits, i32x4.shr_u(bits, 16));
}

// y [n] = keep(seed, stream, index) ? factor · x : 0; the upper 24 bits are compared with a threshold
export function dropout(a: usize, thread: i32, threads: i32): void {
  const n = load<i32>(a, 12), stream = load<u32>(a, 16), threshold = v128.load32_splat(a, 20), factor = v128.load32_splat(a, 24);
  const seed = <usize>load<u32>(a, 8);
  const begin = share(n, 1024, thread, threads), end = share(n, 1024, thread + 1, threads), at = <usize>begin << 2;
  let y = <usize>load<u32>(a) + at, x = <usize>load<u32>(a, 4) + at;
  const prefix = i32x4.splat(absorb(absorb(absorb(0, <u32>load<f32>(seed)), <u32>load<f32>(seed, 4)), stream));
  const golden = i32x4.splat(0x9e3779b9), m1 = i32x4.splat(0x7feb352d), m2 = i32x4.splat(0x846ca68b);
  const eight = i32x4.splat(8);
  let i0 = i32x4.add(i32x4.splat(begin), i32x4(0, 1, 2, 3)), i1 = i32x4.add(i0, i32x4.splat(4));
  for (let i = begin; i < end; i += 8) {
    const h0 = i32x4.shr_u(mix(i32x4.add(v128.xor(prefix, i0), golden), m1, m2), 8);
    const h1 = i32x4.shr_u(mix(i32x4.add(v128.xor(prefix, i1), golden), m1, m2), 8);
    const y0 = v128.and(f32x4.mul(v128.load(x), factor), i32x4.ge_s(h0, threshold));
    const y1 = v128.and(f32x4.mul(v128.load(x, 16), factor), i32x4.ge_s(h1, threshold));
    v128.store(y, y1, 16);
    v128.store(y, y0);
    i0 = i32x4.add(i0, eight);
    i1 = i32x4.add(i1, eight);
    x += 32;
    y += 32;
  }
}
