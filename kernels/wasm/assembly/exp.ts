import { madd, max, min } from "./simd";

// Clamp to ±87, log2(e), 1.5 · 2²³ (rounds to an integer), −ln 2 in two parts, polynomial of degree 5, one.
// prettier-ignore
const CONSTANTS = memory.data<f32>([
  -87.33, 88.37, 1.4426950408889634, 12582912, -0.693145751953125, -1.428606765330187e-6,
  0.008247390389442444, 0.04189976677298546, 0.16668395698070526, 0.4999912679195404, 0.9999994039535522, 1,
]);

/**
 * y [n] = exp(x [n] − shift), n a multiple of 16; at most 2 ULP for results that are normal numbers. `shift` is the
 * address of a float.
 */
export function expShifted(y: usize, x: usize, n: i32, shift: usize): void {
  const s = v128.load32_splat(shift);
  const low = v128.load32_splat(CONSTANTS), high = v128.load32_splat(CONSTANTS, 4);
  const log2e = v128.load32_splat(CONSTANTS, 8), magic = v128.load32_splat(CONSTANTS, 12);
  const ln2High = v128.load32_splat(CONSTANTS, 16), ln2Low = v128.load32_splat(CONSTANTS, 20);
  const c5 = v128.load32_splat(CONSTANTS, 24), c4 = v128.load32_splat(CONSTANTS, 28);
  const c3 = v128.load32_splat(CONSTANTS, 32), c2 = v128.load32_splat(CONSTANTS, 36);
  const c1 = v128.load32_splat(CONSTANTS, 40), one = v128.load32_splat(CONSTANTS, 44);
  for (let i = 0; i < n; i += 8) {
    const x0 = min(high, max(low, f32x4.sub(v128.load(x), s)));
    const x1 = min(high, max(low, f32x4.sub(v128.load(x, 16), s)));
    const r0 = madd(x0, log2e, magic), r1 = madd(x1, log2e, magic);
    const n0 = f32x4.sub(r0, magic), n1 = f32x4.sub(r1, magic);
    const f0 = madd(n0, ln2Low, madd(n0, ln2High, x0)), f1 = madd(n1, ln2Low, madd(n1, ln2High, x1));
    let p0 = madd(c5, f0, c4), p1 = madd(c5, f1, c4);
    p0 = madd(p0, f0, c3);
    p1 = madd(p1, f1, c3);
    p0 = madd(p0, f0, c2);
    p1 = madd(p1, f1, c2);
    p0 = madd(p0, f0, c1);
    p1 = madd(p1, f1, c1);
    p0 = madd(p0, f0, one);
    p1 = madd(p1, f1, one);
    const e0 = i32x4.add(p0, i32x4.shl(r0, 23)), e1 = i32x4.add(p1, i32x4.shl(r1, 23));
    v128.store(y, e1, 16);
    v128.store(y, e0);
    x += 32;
    y += 32;
  }
}

/** The largest of x [n], n a multiple of 16. */
export function maxOf(x: usize, n: i32): f32 {
  let m = max(v128.load(x), v128.load(x, 16));
  for (let i = 8; i < n; i += 8) m = max(m, max(v128.load(x + (<usize>i << 2)), v128.load(x + (<usize>i << 2), 16)));
  return f32x4.extract_lane(max(max(m, v128.shuffle<f32>(m, m, 2, 3, 0, 1)), max(v128.shuffle<f32>(m, m, 1, 0, 3, 2), v128.shuffle<f32>(m, m, 3, 2, 1, 0))), 0);
}

/** The sum of x [n], n a multiple of 16. */
export function sumOf(x: usize, n: i32): f32 {
  let s = f32x4.splat(0), t = s;
  for (let i = 0; i < n; i += 8) {
    s = f32x4.add(s, v128.load(x + (<usize>i << 2)));
    t = f32x4.add(t, v128.load(x + (<usize>i << 2), 16));
  }
  s = f32x4.add(s, t);
  s = f32x4.add(s, v128.shuffle<f32>(s, s, 2, 3, 0, 1));
  return f32x4.extract_lane(s, 0) + f32x4.extract_lane(s, 1);
}
