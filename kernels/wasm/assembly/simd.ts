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
