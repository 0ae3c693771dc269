import { MicroOp } from "./chain";
import { expShifted } from "./exp";
import { madd, max as larger, min as smaller, roundUp16 } from "./simd";

// Loops of chains: see micro-ops.ts. They write whole blocks of 16 floats and may work in place. NaN stays NaN: of two
// operands that do not compare, min and max keep the second.

// Φ(t) − ½ = t · P(t²) / Q(t²) for |t| ≤ 5.53, where it rounds to ½: bound, ½, P and Q by falling powers; minimax to 8e-9.
// prettier-ignore
const NORMAL = memory.data<f32>([
  5.53, 0.5,
  2.2565532e-8, 6.3518128e-6, 0.0001702528, 0.004685725, 0.034002822, 0.39894223,
  1.1921285e-6, 7.4053016e-5, 0.0018925377, 0.02872992, 0.2518983, 1,
]);

// The same for Φ(t) + t · φ(t) − ½ with |t| ≤ 6.3.
// prettier-ignore
const SLOPE = memory.data<f32>([
  6.3, 0.5,
  1.9787349e-8, 1.2411509e-6, 3.4214143e-5, 0.00031948977, 0.0136116855, -0.015929582, 0.7978845,
  1.4211348e-9, 4.301624e-7, 1.18584885e-5, 0.0002751014, 0.0043058367, 0.046517707, 0.31336784, 1,
]);

/** y [n] = x · Φ(x): at most 2.5e-7 · |x| off, so at most 4 units in the last place where x is positive. */
export function gelu(m: MicroOp, y: usize, x: usize, unused: usize, n: i32, stride: usize): void {
  const high = v128.load32_splat(NORMAL), low = f32x4.neg(high), half = v128.load32_splat(NORMAL, 4);
  const pa = v128.load32_splat(NORMAL, 8), pb = v128.load32_splat(NORMAL, 12), pc = v128.load32_splat(NORMAL, 16);
  const pd = v128.load32_splat(NORMAL, 20), pe = v128.load32_splat(NORMAL, 24), pf = v128.load32_splat(NORMAL, 28);
  const qa = v128.load32_splat(NORMAL, 32), qb = v128.load32_splat(NORMAL, 36), qc = v128.load32_splat(NORMAL, 40);
  const qd = v128.load32_splat(NORMAL, 44), qe = v128.load32_splat(NORMAL, 48), one = v128.load32_splat(NORMAL, 52);
  for (const end = y + (<usize>roundUp16(n) << 2); y < end; y += 32) {
    const x0 = v128.load(x), x1 = v128.load(x, 16);
    const t0 = smaller(high, larger(low, x0)), t1 = smaller(high, larger(low, x1));
    const u0 = f32x4.mul(t0, t0), u1 = f32x4.mul(t1, t1);
    let p0 = madd(pa, u0, pb), p1 = madd(pa, u1, pb);
    p0 = madd(p0, u0, pc), p1 = madd(p1, u1, pc);
    p0 = madd(p0, u0, pd), p1 = madd(p1, u1, pd);
    p0 = madd(p0, u0, pe), p1 = madd(p1, u1, pe);
    p0 = madd(p0, u0, pf), p1 = madd(p1, u1, pf);
    let q0 = madd(qa, u0, qb), q1 = madd(qa, u1, qb);
    q0 = madd(q0, u0, qc), q1 = madd(q1, u1, qc);
    q0 = madd(q0, u0, qd), q1 = madd(q1, u1, qd);
    q0 = madd(q0, u0, qe), q1 = madd(q1, u1, qe);
    q0 = madd(q0, u0, one), q1 = madd(q1, u1, one);
    const h0 = f32x4.div(f32x4.mul(t0, p0), q0), h1 = f32x4.div(f32x4.mul(t1, p1), q1);
    const y0 = f32x4.mul(x0, f32x4.add(h0, half)), y1 = f32x4.mul(x1, f32x4.add(h1, half));
    v128.store(y, y1, 16);
    v128.store(y, y0);
    x += 32;
  }
}

/** dx [n] = dy · (Φ(x) + x · φ(x)): at most 3e-7 · |dy| off. */
export function geluGradient(m: MicroOp, dx: usize, x: usize, dy: usize, n: i32, stride: usize): void {
  const high = v128.load32_splat(SLOPE), low = f32x4.neg(high), half = v128.load32_splat(SLOPE, 4);
  const pa = v128.load32_splat(SLOPE, 8), pb = v128.load32_splat(SLOPE, 12), pc = v128.load32_splat(SLOPE, 16);
  const pd = v128.load32_splat(SLOPE, 20), pe = v128.load32_splat(SLOPE, 24), pf = v128.load32_splat(SLOPE, 28);
  const pg = v128.load32_splat(SLOPE, 32), qa = v128.load32_splat(SLOPE, 36), qb = v128.load32_splat(SLOPE, 40);
  const qc = v128.load32_splat(SLOPE, 44), qd = v128.load32_splat(SLOPE, 48), qe = v128.load32_splat(SLOPE, 52);
  const qf = v128.load32_splat(SLOPE, 56), qg = v128.load32_splat(SLOPE, 60), one = v128.load32_splat(SLOPE, 64);
  for (const end = dx + (<usize>roundUp16(n) << 2); dx < end; dx += 32) {
    const t0 = smaller(high, larger(low, v128.load(x))), t1 = smaller(high, larger(low, v128.load(x, 16)));
    const u0 = f32x4.mul(t0, t0), u1 = f32x4.mul(t1, t1);
    let p0 = madd(pa, u0, pb), p1 = madd(pa, u1, pb);
    p0 = madd(p0, u0, pc), p1 = madd(p1, u1, pc);
    p0 = madd(p0, u0, pd), p1 = madd(p1, u1, pd);
    p0 = madd(p0, u0, pe), p1 = madd(p1, u1, pe);
    p0 = madd(p0, u0, pf), p1 = madd(p1, u1, pf);
    p0 = madd(p0, u0, pg), p1 = madd(p1, u1, pg);
    let q0 = madd(qa, u0, qb), q1 = madd(qa, u1, qb);
    q0 = madd(q0, u0, qc), q1 = madd(q1, u1, qc);
    q0 = madd(q0, u0, qd), q1 = madd(q1, u1, qd);
    q0 = madd(q0, u0, qe), q1 = madd(q1, u1, qe);
    q0 = madd(q0, u0, qf), q1 = madd(q1, u1, qf);
    q0 = madd(q0, u0, qg), q1 = madd(q1, u1, qg);
    q0 = madd(q0, u0, one), q1 = madd(q1, u1, one);
    const h0 = f32x4.div(f32x4.mul(t0, p0), q0), h1 = f32x4.div(f32x4.mul(t1, p1), q1);
    const d0 = f32x4.mul(v128.load(dy), f32x4.add(h0, half)), d1 = f32x4.mul(v128.load(dy, 16), f32x4.add(h1, half));
    v128.store(dx, d1, 16);
    v128.store(dx, d0);
    x += 32;
    dy += 32;
  }
}

// Half a page of floats stays in the first cache between the two passes of sigmoid.
const BLOCK: i32 = 512;
const ZERO_ONE = memory.data<f32>([0, 1]);

/** y [n] = 1 / (1 + exp(−x)), computed as eˣ / (1 + eˣ): at most 4 units in the last place off. */
export function sigmoid(m: MicroOp, y: usize, x: usize, unused: usize, n: i32, stride: usize): void {
  const one = v128.load32_splat(ZERO_ONE, 4);
  for (n = roundUp16(n); n > 0; n -= BLOCK) {
    const count = min<i32>(n, BLOCK);
    expShifted(y, x, count, ZERO_ONE);
    for (const end = y + (<usize>count << 2); y < end; y += 32) {
      const e0 = v128.load(y), e1 = v128.load(y, 16);
      const y0 = f32x4.div(e0, f32x4.add(one, e0)), y1 = f32x4.div(e1, f32x4.add(one, e1));
      v128.store(y, y1, 16);
      v128.store(y, y0);
    }
    x += <usize>count << 2;
  }
}

/** dx [n] = dy · y · (1 − y) */
export function sigmoidGradient(m: MicroOp, dx: usize, y: usize, dy: usize, n: i32, stride: usize): void {
  const one = v128.load32_splat(ZERO_ONE, 4);
  for (const end = dx + (<usize>roundUp16(n) << 2); dx < end; dx += 32) {
    const y0 = v128.load(y), y1 = v128.load(y, 16);
    const s0 = f32x4.mul(y0, f32x4.sub(one, y0)), s1 = f32x4.mul(y1, f32x4.sub(one, y1));
    const d0 = f32x4.mul(v128.load(dy), s0), d1 = f32x4.mul(v128.load(dy, 16), s1);
    v128.store(dx, d1, 16);
    v128.store(dx, d0);
    y += 32;
    dy += 32;
  }
}

// 3, 1/6, 1/3, ½, 1
const HARD_SWISH = memory.data<f32>([3, 0.16666667, 0.33333334, 0.5, 1]);

/** y [n] = x · min(1, max(0, x/6 + ½)) */
export function hardSwish(m: MicroOp, y: usize, x: usize, unused: usize, n: i32, stride: usize): void {
  const sixth = v128.load32_splat(HARD_SWISH, 4), half = v128.load32_splat(HARD_SWISH, 12);
  const one = v128.load32_splat(HARD_SWISH, 16), zero = f32x4.splat(0);
  for (const end = y + (<usize>roundUp16(n) << 2); y < end; y += 32) {
    const x0 = v128.load(x), x1 = v128.load(x, 16);
    const g0 = smaller(one, larger(zero, madd(x0, sixth, half))), g1 = smaller(one, larger(zero, madd(x1, sixth, half)));
    const y0 = f32x4.mul(x0, g0), y1 = f32x4.mul(x1, g1);
    v128.store(y, y1, 16);
    v128.store(y, y0);
    x += 32;
  }
}

/** dx [n] = dy times 0 up to −3, x/3 + ½ between, 1 from 3 */
export function hardSwishGradient(m: MicroOp, dx: usize, x: usize, dy: usize, n: i32, stride: usize): void {
  const three = v128.load32_splat(HARD_SWISH), minusThree = f32x4.neg(three);
  const third = v128.load32_splat(HARD_SWISH, 8), half = v128.load32_splat(HARD_SWISH, 12);
  const one = v128.load32_splat(HARD_SWISH, 16);
  for (const end = dx + (<usize>roundUp16(n) << 2); dx < end; dx += 32) {
    const x0 = v128.load(x), x1 = v128.load(x, 16);
    let g0 = madd(x0, third, half), g1 = madd(x1, third, half);
    g0 = v128.bitselect(one, g0, f32x4.ge(x0, three)), g1 = v128.bitselect(one, g1, f32x4.ge(x1, three));
    g0 = v128.andnot(g0, f32x4.le(x0, minusThree)), g1 = v128.andnot(g1, f32x4.le(x1, minusThree));
    const d0 = f32x4.mul(v128.load(dy), g0), d1 = f32x4.mul(v128.load(dy, 16), g1);
    v128.store(dx, d1, 16);
    v128.store(dx, d0);
    x += 32;
    dy += 32;
  }
}
