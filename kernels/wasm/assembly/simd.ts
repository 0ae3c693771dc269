// Vector helpers. `madd` is one rounding in the relaxed module and two in the plain one; everything that has to give
// equal bits for every slice and every tail goes through it.

// @ts-ignore: decorator
@inline export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** c − a · b */
// @ts-ignore: decorator
@inline export function nmadd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_nmadd(a, b, c);
  return f32x4.sub(c, f32x4.mul(a, b));
}

// @ts-ignore: decorator
@inline export function max(a: v128, b: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_max(a, b);
  return f32x4.pmax(b, a);
}

// @ts-ignore: decorator
@inline export function min(a: v128, b: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_min(a, b);
  return f32x4.pmin(b, a);
}

/** Start of the share of `thread` in `count` items, a multiple of `block`; `thread = threads` gives `count`. */
// @ts-ignore: decorator
@inline export function share(count: i32, block: i32, thread: i32, threads: i32): i32 {
  const blocks = (count + block - 1) / block;
  const start = <i32>((<i64>blocks * <i64>thread) / <i64>threads) * block;
  return start < count ? start : count;
}

/** All bits set in the lanes below `count`. */
// @ts-ignore: decorator
@inline export function laneMask(count: i32): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count));
}

/** The sum of four lanes: (0 + 2) + (1 + 3). */
// @ts-ignore: decorator
@inline export function sumLanes(v: v128): f32 {
  const pairs = f32x4.add(v, v128.shuffle<f32>(v, v, 2, 3, 0, 1));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}

// @ts-ignore: decorator
@inline export function maxLanes(v: v128): f32 {
  const pairs = f32x4.max(v, v128.shuffle<f32>(v, v, 2, 3, 0, 1));
  return f32x4.extract_lane(f32x4.max(pairs, v128.shuffle<f32>(pairs, pairs, 1, 0, 3, 2)), 0);
}

/** Stores the first `count` lanes, 1 to 4. */
// @ts-ignore: decorator
@inline export function storeLanes(at: usize, v: v128, count: i32): void {
  if (count >= 4) v128.store(at, v);
  else {
    if (count >= 2) {
      v128.store_lane<u64>(at, v, 0);
      if (count == 3) v128.store_lane<u32>(at, v, 2, 8);
    } else v128.store_lane<u32>(at, v, 0);
  }
}

// @ts-ignore: decorator
@inline export function roundUp16(count: i32): i32 {
  return (count + 15) & ~15;
}

/** Reductions over the batch are made of this many partial sums, whatever the number of threads. */
export const CHUNKS: i32 = 8;
