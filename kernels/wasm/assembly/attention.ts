import { columnsProduct, rowsProduct } from "./generated/attention-tiles";
import { madd, max, share } from "./simd";
import { fetch } from "./strips";
import { worker } from "./worker";

// One head of one image at a time, packed into scratch of its thread. Scores lie transposed, [keys][queries]: a softmax
// is then made of whole vectors, and queries (with their gradients) are all that has to be transposed. Queries go in
// blocks whose scores stay in cache. Scores count in powers of two: what is scaled is queries · scale · log2(e).

@unmanaged
class Attention {
  /** Scratch of thread 0; those of the others follow at `scratchBytes`. */
  scratch: usize;
  scratchBytes: usize;
  n: i32;
  tokens: i32;
  heads: i32;
  /** Channels of one head, and the same as a multiple of 8. */
  d: i32;
  padded: i32;
  /** Queries of a block, a multiple of 8. */
  queries: i32;
  /** Keys of a block, of the gradient alone. */
  keys: i32;
  wide: bool;
  scale: f32;
}

// Clamp, 1.5 · 2²³ (rounds to an integer), polynomial of 2^x over [-0.5, 0.5], one.
// prettier-ignore
const POWER = memory.data<f32>([
  -125, 12582912, 0.0013264746, 0.009671513, 0.055507336, 0.24022242, 0.693147, 1,
]);

/** 2^f, f in [−0.5, 0.5], to 1.4 ULP. */
// @ts-ignore: decorator
@inline function polynomial(f: v128, c5: v128, c4: v128, c3: v128, c2: v128, c1: v128, one: v128): v128 {
  return madd(madd(madd(madd(madd(c5, f, c4), f, c3), f, c2), f, c1), f, one);
}

// to [count][row bytes] = x, rows `stride` bytes apart
function packRows(to: usize, x: usize, stride: usize, count: i32, row: usize): void {
  for (let t = 0; t < count; t++) {
    for (let i: usize = 0; i < row; i += 32) {
      const x0 = v128.load(x + i), x1 = v128.load(x + i, 16);
      v128.store(to + i, x1, 16);
      v128.store(to + i, x0);
    }
    to += row;
    x += stride;
  }
}

// columns [row / 4][queries] = factor · the transpose of x [count][row / 4], whose last row is repeated; rows, unless 0,
// gets x as it is; products, unless 0, gets Σ over a row of factor · x · y, summed in the order of a product
function packColumns(columns: usize, column: usize, rows: usize, x: usize, y: usize, products: usize, stride: usize, count: i32, row: usize, d: i32, factor: f32): void {
  const f = f32x4.splat(factor);
  for (let t = 0; (<usize>t << 2) < column; t += 4) {
    const o0 = <usize>min(t, count - 1) * stride, o1 = <usize>min(t + 1, count - 1) * stride;
    const o2 = <usize>min(t + 2, count - 1) * stride, o3 = <usize>min(t + 3, count - 1) * stride;
    let to = columns + (<usize>t << 2), sum = f32x4.splat(0);
    for (let i: usize = 0; i < row; i += 16) {
      const x0 = v128.load(x + o0 + i), x1 = v128.load(x + o1 + i), x2 = v128.load(x + o2 + i), x3 = v128.load(x + o3 + i);
      if (rows) {
        const r = rows + <usize>t * row + i;
        v128.store(r, x0);
        v128.store(r + row, x1);
        v128.store(r + 2 * row, x2);
        v128.store(r + 3 * row, x3);
      }
      const low01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5), high01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
      const low23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5), high23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
      const c0 = f32x4.mul(v128.shuffle<f32>(low01, low23, 0, 1, 4, 5), f), c1 = f32x4.mul(v128.shuffle<f32>(low01, low23, 2, 3, 6, 7), f);
      const c2 = f32x4.mul(v128.shuffle<f32>(high01, high23, 0, 1, 4, 5), f), c3 = f32x4.mul(v128.shuffle<f32>(high01, high23, 2, 3, 6, 7), f);
      v128.store(to, c0);
      v128.store(to + column, c1);
      v128.store(to + 2 * column, c2);
      v128.store(to + 3 * column, c3);
      to += 4 * column;
      if (products) {
        const y0 = v128.load(y + o0 + i), y1 = v128.load(y + o1 + i), y2 = v128.load(y + o2 + i), y3 = v128.load(y + o3 + i);
        const l01 = v128.shuffle<f32>(y0, y1, 0, 4, 1, 5), h01 = v128.shuffle<f32>(y0, y1, 2, 6, 3, 7);
        const l23 = v128.shuffle<f32>(y2, y3, 0, 4, 1, 5), h23 = v128.shuffle<f32>(y2, y3, 2, 6, 3, 7);
        const left = d - <i32>(i >> 2);
        sum = madd(v128.shuffle<f32>(l01, l23, 0, 1, 4, 5), c0, sum);
        if (left > 1) sum = madd(v128.shuffle<f32>(l01, l23, 2, 3, 6, 7), c1, sum);
        if (left > 2) sum = madd(v128.shuffle<f32>(h01, h23, 0, 1, 4, 5), c2, sum);
        if (left > 3) sum = madd(v128.shuffle<f32>(h01, h23, 2, 3, 6, 7), c3, sum);
        if (left < 5) i = row;
      }
    }
    if (products) v128.store(products + (<usize>t << 2), sum);
  }
}

// to [count][d] in rows `stride` bytes apart = from [count][row / 4]
function unpackRows(to: usize, stride: usize, from: usize, row: usize, count: i32, d: i32): void {
  for (let t = 0; t < count; t++) {
    memory.copy(to, from, <usize>d << 2);
    to += stride;
    from += row;
  }
}

// scores [keys][queries] = 2^(scores − their maximum); highest [queries] the maxima, sums [queries]
function powers(scores: usize, column: usize, keys: i32, highest: usize, sums: usize): void {
  const low = v128.load32_splat(POWER), magic = v128.load32_splat(POWER, 4), c5 = v128.load32_splat(POWER, 8);
  const c4 = v128.load32_splat(POWER, 12), c3 = v128.load32_splat(POWER, 16), c2 = v128.load32_splat(POWER, 20);
  const c1 = v128.load32_splat(POWER, 24), one = v128.load32_splat(POWER, 28);
  for (let i: usize = 0; i < column; i += 32) {
    let s = scores + i, m0 = v128.load(s), m1 = v128.load(s, 16);
    for (let k = 1; k < keys; k++) {
      s += column;
      m0 = max(m0, v128.load(s));
      m1 = max(m1, v128.load(s, 16));
    }
    v128.store(highest + i, m1, 16);
    v128.store(highest + i, m0);
    let t0 = f32x4.splat(0), t1 = t0;
    s = scores + i;
    for (let k = 0; k < keys; k++) {
      const x0 = max(f32x4.sub(v128.load(s), m0), low), x1 = max(f32x4.sub(v128.load(s, 16), m1), low);
      const r0 = f32x4.add(x0, magic), r1 = f32x4.add(x1, magic);
      const f0 = f32x4.sub(x0, f32x4.sub(r0, magic)), f1 = f32x4.sub(x1, f32x4.sub(r1, magic));
      const p0 = polynomial(f0, c5, c4, c3, c2, c1, one), p1 = polynomial(f1, c5, c4, c3, c2, c1, one);
      const e0 = i32x4.add(p0, i32x4.shl(r0, 23)), e1 = i32x4.add(p1, i32x4.shl(r1, 23));
      t0 = f32x4.add(t0, e0);
      t1 = f32x4.add(t1, e1);
      v128.store(s, e1, 16);
      v128.store(s, e0);
      s += column;
    }
    v128.store(sums + i, t1, 16);
    v128.store(sums + i, t0);
  }
}

// Polynomial of log(1 + x) after Cephes, √½.
// prettier-ignore
const LOGARITHM = memory.data<f32>([
  0.070376836292, -0.11514610310, 0.11676998740, -0.12420140846, 0.14249322787, -0.16668057665, 0.20000714765,
  -0.24999993993, 0.33333331174,
]);

// highest [queries] = ln2 · highest + ln(sums); sums = 1 / sums
function logarithms(highest: usize, sums: usize, column: usize): void {
  const one = f32x4.splat(1), ln2 = f32x4.splat(0.6931471805599453);
  for (let i: usize = 0; i < column; i += 16) {
    const sum = v128.load(sums + i);
    // sum = 2^e · m with m in [√½, √2)
    const e = i32x4.shr_s(i32x4.sub(sum, i32x4.splat(0x3f3504f3)), 23);
    const f = f32x4.sub(i32x4.sub(sum, i32x4.shl(e, 23)), one);
    let p = v128.load32_splat(LOGARITHM);
    for (let c: usize = 4; c < 36; c += 4) p = madd(p, f, v128.load32_splat(LOGARITHM + c));
    const square = f32x4.mul(f, f);
    const log = f32x4.add(f, madd(f32x4.mul(p, f), square, f32x4.mul(square, f32x4.splat(-0.5))));
    const power = f32x4.add(v128.load(highest + i), f32x4.convert_i32x4_s(e));
    v128.store(highest + i, madd(power, ln2, log));
    v128.store(sums + i, f32x4.div(one, sum));
  }
}

// y [n,tokens,heads·d], logSumExp [n,heads,tokens] from q, k, v
export function attention(a: usize, thread: i32, threads: i32): void {
  const y = <usize>load<u32>(a), logSumExp = <usize>load<u32>(a, 4), q = <usize>load<u32>(a, 8);
  const k = <usize>load<u32>(a, 12), v = <usize>load<u32>(a, 16);
  const s = changetype<Attention>(a + 20);
  const tokens = s.tokens, heads = s.heads, d = s.d, wide = s.wide;
  const blocks = (tokens + s.queries - 1) / s.queries;
  const row = <usize>s.padded << 2, matrix = <usize>tokens * row, stride = <usize>(heads * d) << 2;
  const column = <usize>s.queries << 2, direct = d == s.padded;
  const K = s.scratch + <usize>worker * s.scratchBytes, V = K + matrix, Q = V + matrix, O = Q + <usize>s.padded * column;
  const S = O + column * s.padded, highest = S + <usize>tokens * column, sums = highest + column;
  const begin = share(s.n * heads * blocks, 1, thread, threads), end = share(s.n * heads * blocks, 1, thread + 1, threads);
  for (let unit = begin; unit < end; unit++) {
    const head = unit / blocks, block = unit % blocks, image = <usize>(head / heads) * <usize>tokens * stride;
    const at = image + (<usize>(head % heads * d) << 2);
    if (unit == begin || block == 0) {
      if (unit == begin || head % heads == 0) {
        fetch(q + image, <usize>tokens * stride);
        fetch(k + image, <usize>tokens * stride);
        fetch(v + image, <usize>tokens * stride);
      }
      packRows(K, k + at, stride, tokens, row);
      packRows(V, v + at, stride, tokens, row);
    }
    const first = block * s.queries, rows = min(s.queries, tokens - first), from = at + <usize>first * stride;
    packColumns(Q, column, 0, q + from, 0, 0, stride, rows, row, d, s.scale * <f32>1.4426950408889634);
    rowsProduct(S, column, K, row, Q, column, tokens, (rows + 7) & ~7, d, false, 0, wide);
    powers(S, column, tokens, highest, sums);
    logarithms(highest, sums, column);
    memory.copy(logSumExp + (<usize>(head * tokens + first) << 2), highest, <usize>rows << 2);
    columnsProduct(direct ? y + from : O, direct ? stride : row, S, column, V, row, rows, s.padded, tokens, false, sums, wide);
    if (!direct) unpackRows(y + from, stride, O, row, rows, d);
  }
}

// P = 2^(P − shifts), G = P · (G − means); P, G [keys][queries], shifts, means [queries]
function scoreGradients(P: usize, G: usize, column: usize, keys: i32, shifts: usize, means: usize): void {
  const low = v128.load32_splat(POWER), magic = v128.load32_splat(POWER, 4), c5 = v128.load32_splat(POWER, 8);
  const c4 = v128.load32_splat(POWER, 12), c3 = v128.load32_splat(POWER, 16), c2 = v128.load32_splat(POWER, 20);
  const c1 = v128.load32_splat(POWER, 24), one = v128.load32_splat(POWER, 28);
  for (let i: usize = 0; i < column; i += 32) {
    const s0 = v128.load(shifts + i), s1 = v128.load(shifts + i, 16), m0 = v128.load(means + i), m1 = v128.load(means + i, 16);
    let p = P + i, g = G + i;
    for (let k = 0; k < keys; k++) {
      const x0 = max(f32x4.sub(v128.load(p), s0), low), x1 = max(f32x4.sub(v128.load(p, 16), s1), low);
      const r0 = f32x4.add(x0, magic), r1 = f32x4.add(x1, magic);
      const f0 = f32x4.sub(x0, f32x4.sub(r0, magic)), f1 = f32x4.sub(x1, f32x4.sub(r1, magic));
      const p0 = polynomial(f0, c5, c4, c3, c2, c1, one), p1 = polynomial(f1, c5, c4, c3, c2, c1, one);
      const e0 = i32x4.add(p0, i32x4.shl(r0, 23)), e1 = i32x4.add(p1, i32x4.shl(r1, 23));
      const g0 = f32x4.mul(e0, f32x4.sub(v128.load(g), m0)), g1 = f32x4.mul(e1, f32x4.sub(v128.load(g, 16), m1));
      v128.store(p, e1, 16);
      v128.store(p, e0);
      v128.store(g, g1, 16);
      v128.store(g, g0);
      p += column;
      g += column;
    }
  }
}

// dq, dk, dv from dy, q, k, v, y, logSumExp
export function attentionGradient(a: usize, thread: i32, threads: i32): void {
  const dq = <usize>load<u32>(a), dk = <usize>load<u32>(a, 4), dv = <usize>load<u32>(a, 8), dy = <usize>load<u32>(a, 12);
  const q = <usize>load<u32>(a, 16), k = <usize>load<u32>(a, 20), v = <usize>load<u32>(a, 24), y = <usize>load<u32>(a, 28);
  const logSumExp = <usize>load<u32>(a, 32);
  const s = changetype<Attention>(a + 36);
  const tokens = s.tokens, heads = s.heads, d = s.d, padded = s.padded, wide = s.wide, scale = s.scale;
  const row = <usize>padded << 2, matrix = <usize>tokens * row, stride = <usize>(heads * d) << 2;
  const column = <usize>s.queries << 2, block = column * <usize>padded, direct = d == padded;
  const K = s.scratch + <usize>worker * s.scratchBytes, V = K + matrix, dK = V + matrix, dV = dK + matrix;
  const Q = dV + matrix, G = Q + block, queries = G + block, gradients = queries + block, dQ = gradients + block;
  const P = dQ + block, S = P + <usize>s.keys * column, shifts = S + <usize>s.keys * column, means = shifts + column;
  const log2e: f32 = 1.4426950408889634;
  const begin = share(s.n * heads, 1, thread, threads), end = share(s.n * heads, 1, thread + 1, threads);
  for (let unit = begin; unit < end; unit++) {
    const image = <usize>(unit / heads) * <usize>tokens * stride, at = image + (<usize>(unit % heads * d) << 2);
    if (unit == begin || unit % heads == 0) {
      fetch(q + image, <usize>tokens * stride);
      fetch(k + image, <usize>tokens * stride);
      fetch(v + image, <usize>tokens * stride);
      fetch(y + image, <usize>tokens * stride);
      fetch(dy + image, <usize>tokens * stride);
    }
    packRows(K, k + at, stride, tokens, row);
    packRows(V, v + at, stride, tokens, row);
    const toK = direct ? dk + at : dK, toV = direct ? dv + at : dV, toRow = direct ? stride : row;
    for (let first = 0; first < tokens; first += s.queries) {
      const rows = min(s.queries, tokens - first), from = at + <usize>first * stride, wideRows = (rows + 7) & ~7;
      packColumns(queries, column, Q, q + from, 0, 0, stride, rows, row, d, scale * log2e);
      packColumns(gradients, column, G, dy + from, y + from, means, stride, rows, row, d, scale);
      const lse = logSumExp + (<usize>(unit * tokens + first) << 2);
      for (let i: usize = 0; i < column; i += 4) store<f32>(shifts + i, load<f32>(lse + min(i, (<usize>rows - 1) << 2)) * log2e);
      const toQ = direct ? dq + from : dQ;
      for (let key = 0; key < tokens; key += s.keys) {
        const keys = min(s.keys, tokens - key), keyRow = <usize>key * row, toKey = <usize>key * toRow;
        rowsProduct(P, column, K + keyRow, row, queries, column, keys, wideRows, d, false, 0, wide);
        rowsProduct(S, column, V + keyRow, row, gradients, column, keys, wideRows, d, false, 0, wide);
        scoreGradients(P, S, column, keys, shifts, means);
        rowsProduct(toV + toKey, toRow, P, column, G, row, keys, padded, rows, first > 0, 0, wide);
        rowsProduct(toK + toKey, toRow, S, column, Q, row, keys, padded, rows, first > 0, 0, wide);
        columnsProduct(toQ, toRow, S, column, K + keyRow, row, rows, padded, keys, key > 0, 0, wide);
      }
      if (!direct) unpackRows(dq + from, stride, dQ, row, rows, d);
    }
    if (!direct) {
      unpackRows(dk + at, stride, dK, row, tokens, d);
      unpackRows(dv + at, stride, dV, row, tokens, d);
    }
  }
}
