import { expShifted, maxOf, sumOf } from "./exp";
import { madd, roundUp16, share } from "./simd";
import { scaleRow } from "./softmax";

// Attention streamed over blocks of queries × keys (Dao et al. 2022). One thread works on one head of one image, packed
// into scratch of its own: tokens and head size are padded with zeros to multiples of 16.

const BLOCK: i32 = 64;
const SCORE_ROW: usize = 256; // bytes

// c [m,n] = (add ? c : 0) + a · b, with byte strides; m a multiple of 4, n of 16; tiles of 4×16
function product(
  c: usize, cRow: usize, a: usize, aRow: usize, aColumn: usize, b: usize, bRow: usize, m: i32, n: i32, k: i32, add: bool,
): void {
  for (let j: usize = 0; j < <usize>n << 2; j += 64)
    for (let i = 0; i < m; i += 4) {
      const c0 = c + <usize>i * cRow + j, c1 = c0 + cRow, c2 = c1 + cRow, c3 = c2 + cRow;
      let s00 = f32x4.splat(0), s01 = s00, s02 = s00, s03 = s00, s10 = s00, s11 = s00, s12 = s00, s13 = s00;
      let s20 = s00, s21 = s00, s22 = s00, s23 = s00, s30 = s00, s31 = s00, s32 = s00, s33 = s00;
      if (add) {
        s00 = v128.load(c0), s01 = v128.load(c0, 16), s02 = v128.load(c0, 32), s03 = v128.load(c0, 48);
        s10 = v128.load(c1), s11 = v128.load(c1, 16), s12 = v128.load(c1, 32), s13 = v128.load(c1, 48);
        s20 = v128.load(c2), s21 = v128.load(c2, 16), s22 = v128.load(c2, 32), s23 = v128.load(c2, 48);
        s30 = v128.load(c3), s31 = v128.load(c3, 16), s32 = v128.load(c3, 32), s33 = v128.load(c3, 48);
      }
      let p = a + <usize>i * aRow, q = b + j;
      const row2 = 2 * aRow, row3 = 3 * aRow;
      for (let l = 0; l < k; l++) {
        const b0 = v128.load(q), b1 = v128.load(q, 16), b2 = v128.load(q, 32), b3 = v128.load(q, 48);
        const a0 = v128.load32_splat(p);
        s00 = madd(a0, b0, s00), s01 = madd(a0, b1, s01), s02 = madd(a0, b2, s02), s03 = madd(a0, b3, s03);
        const a1 = v128.load32_splat(p + aRow);
        s10 = madd(a1, b0, s10), s11 = madd(a1, b1, s11), s12 = madd(a1, b2, s12), s13 = madd(a1, b3, s13);
        const a2 = v128.load32_splat(p + row2);
        s20 = madd(a2, b0, s20), s21 = madd(a2, b1, s21), s22 = madd(a2, b2, s22), s23 = madd(a2, b3, s23);
        const a3 = v128.load32_splat(p + row3);
        s30 = madd(a3, b0, s30), s31 = madd(a3, b1, s31), s32 = madd(a3, b2, s32), s33 = madd(a3, b3, s33);
        p += aColumn;
        q += bRow;
      }
      v128.store(c0, s03, 48), v128.store(c0, s02, 32), v128.store(c0, s01, 16), v128.store(c0, s00);
      v128.store(c1, s13, 48), v128.store(c1, s12, 32), v128.store(c1, s11, 16), v128.store(c1, s10);
      v128.store(c2, s23, 48), v128.store(c2, s22, 32), v128.store(c2, s21, 16), v128.store(c2, s20);
      v128.store(c3, s33, 48), v128.store(c3, s32, 32), v128.store(c3, s31, 16), v128.store(c3, s30);
    }
}

// packed [padded tokens,padded d] = x [tokens,d], rows `stride` bytes apart, padded with zeros
function pack(packed: usize, x: usize, stride: usize, tokens: i32, d: i32): void {
  const row = <usize>roundUp16(d) << 2, bytes = <usize>d << 2;
  memory.fill(packed, 0, <usize>roundUp16(tokens) * row);
  for (let t = 0; t < tokens; t++) {
    memory.copy(packed, x, bytes);
    packed += row;
    x += stride;
  }
}

// columns [padded d,padded tokens] = the transpose of packed
function packColumns(columns: usize, packed: usize, tokens: i32, d: i32): void {
  const row = <usize>roundUp16(d) << 2, column = <usize>roundUp16(tokens) << 2;
  for (let t: usize = 0; t < column; t += 16) {
    const from = packed + (t >> 2) * row;
    for (let i: usize = 0; i < row; i += 16) {
      const x0 = v128.load(from + i), x1 = v128.load(from + row + i);
      const x2 = v128.load(from + 2 * row + i), x3 = v128.load(from + 3 * row + i);
      const low01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5), high01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
      const low23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5), high23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
      const to = columns + (i >> 2) * column + t;
      v128.store(to, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
      v128.store(to + column, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7));
      v128.store(to + 2 * column, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5));
      v128.store(to + 3 * column, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7));
    }
  }
}

// y [n,tokens,heads·d], logSumExp [n,heads,tokens] from q, k, v; scratch [threads,scratch bytes]
export function attention(a: usize, thread: i32, threads: i32): void {
  const y = <usize>load<u32>(a), logSumExp = <usize>load<u32>(a, 4), q = <usize>load<u32>(a, 8);
  const k = <usize>load<u32>(a, 12), v = <usize>load<u32>(a, 16);
  const base = <usize>load<u32>(a, 20) + <usize>thread * <usize>load<u32>(a, 24);
  const n = load<i32>(a, 28), tokens = load<i32>(a, 32), heads = load<i32>(a, 36), d = load<i32>(a, 40);
  const scale = load<f32>(a, 44);
  const padded = roundUp16(tokens), row = <usize>roundUp16(d) << 2, column = <usize>padded << 2;
  const matrix = <usize>padded * row, stride = <usize>(heads * d) << 2;
  const Q = base, K = Q + matrix, V = K + matrix, columns = V + matrix, O = columns + matrix;
  const S = O + BLOCK * row, highest = S + BLOCK * SCORE_ROW, sums = highest + 4 * BLOCK, correction = sums + 4 * BLOCK;
  const end = share(n * heads, 1, thread + 1, threads);
  for (let unit = share(n * heads, 1, thread, threads); unit < end; unit++) {
    const at = <usize>(unit / heads) * <usize>tokens * stride + (<usize>(unit % heads * d) << 2);
    pack(Q, q + at, stride, tokens, d);
    scaleRow(Q, scale, <i32>(matrix >> 2));
    pack(K, k + at, stride, tokens, d);
    packColumns(columns, K, tokens, d);
    pack(V, v + at, stride, tokens, d);
    for (let q0 = 0; q0 < tokens; q0 += BLOCK) {
      const rows = min(BLOCK, tokens - q0), paddedRows = min(BLOCK, padded - q0);
      memory.fill(O, 0, <usize>paddedRows * row);
      for (let k0 = 0; k0 < tokens; k0 += BLOCK) {
        const keys = min(BLOCK, tokens - k0), paddedKeys = min(BLOCK, padded - k0);
        product(S, SCORE_ROW, Q + <usize>q0 * row, row, 4, columns + (<usize>k0 << 2), column, paddedRows, paddedKeys, d, false);
        for (let i = 0; i < rows; i++) {
          const s = S + <usize>i * SCORE_ROW, m = highest + (<usize>i << 2), l = sums + (<usize>i << 2);
          for (let j = keys; j < paddedKeys; j++) store<f32>(s + (<usize>j << 2), -f32.MAX_VALUE);
          const before = load<f32>(m);
          let high = maxOf(s, paddedKeys);
          if (k0 > 0) high = max(high, before);
          store<f32>(m, high);
          expShifted(s, s, paddedKeys, m);
          for (let j = keys; j < paddedKeys; j++) store<f32>(s + (<usize>j << 2), 0);
          let sum = sumOf(s, paddedKeys);
          if (k0 > 0) {
            store<f32>(correction, before);
            expShifted(correction, correction, 16, m);
            const factor = load<f32>(correction);
            sum += load<f32>(l) * factor;
            scaleRow(O + <usize>i * row, factor, <i32>(row >> 2));
          }
          store<f32>(l, sum);
        }
        product(O, row, S, SCORE_ROW, 4, V + <usize>k0 * row, row, paddedRows, <i32>(row >> 2), keys, true);
      }
      for (let i = 0; i < rows; i++) {
        const sum = load<f32>(sums + (<usize>i << 2)), o = O + <usize>i * row;
        scaleRow(o, 1 / sum, <i32>(row >> 2));
        memory.copy(y + at + <usize>(q0 + i) * stride, o, <usize>d << 2);
        const value = <f64>load<f32>(highest + (<usize>i << 2)) + Math.log(<f64>sum);
        store<f32>(logSumExp + (<usize>(unit * tokens + q0 + i) << 2), <f32>value);
      }
    }
  }
}

// dq, dk, dv from dy, q, k, v, y, logSumExp; scratch [threads,scratch bytes]
export function attentionGradient(a: usize, thread: i32, threads: i32): void {
  const dq = <usize>load<u32>(a), dk = <usize>load<u32>(a, 4), dv = <usize>load<u32>(a, 8), dy = <usize>load<u32>(a, 12);
  const q = <usize>load<u32>(a, 16), k = <usize>load<u32>(a, 20), v = <usize>load<u32>(a, 24), y = <usize>load<u32>(a, 28);
  const logSumExp = <usize>load<u32>(a, 32);
  const base = <usize>load<u32>(a, 36) + <usize>thread * <usize>load<u32>(a, 40);
  const n = load<i32>(a, 44), tokens = load<i32>(a, 48), heads = load<i32>(a, 52), d = load<i32>(a, 56);
  const scale = load<f32>(a, 60);
  const padded = roundUp16(tokens), row = <usize>roundUp16(d) << 2, column = <usize>padded << 2, width = <i32>(row >> 2);
  const matrix = <usize>padded * row, stride = <usize>(heads * d) << 2;
  const Q = base, K = Q + matrix, V = K + matrix, G = V + matrix, keyColumns = G + matrix, valueColumns = keyColumns + matrix;
  const dQ = valueColumns + matrix, dK = dQ + matrix, dV = dK + matrix, P = dV + matrix, S = P + BLOCK * SCORE_ROW;
  const inner = S + BLOCK * SCORE_ROW;
  const end = share(n * heads, 1, thread + 1, threads);
  for (let unit = share(n * heads, 1, thread, threads); unit < end; unit++) {
    const at = <usize>(unit / heads) * <usize>tokens * stride + (<usize>(unit % heads * d) << 2);
    const lse = logSumExp + (<usize>(unit * tokens) << 2);
    // Σ y · dy in the order of the products below, so that what has to cancel does.
    pack(V, y + at, stride, tokens, d);
    packColumns(valueColumns, V, tokens, d);
    pack(G, dy + at, stride, tokens, d);
    packColumns(keyColumns, G, tokens, d);
    for (let t: usize = 0; t < column; t += 16) {
      let sum = f32x4.splat(0);
      for (let i: usize = 0; i < <usize>d; i++)
        sum = madd(v128.load(keyColumns + i * column + t), v128.load(valueColumns + i * column + t), sum);
      v128.store(inner + t, sum);
    }
    pack(Q, q + at, stride, tokens, d);
    scaleRow(Q, scale, <i32>(matrix >> 2));
    pack(K, k + at, stride, tokens, d);
    packColumns(keyColumns, K, tokens, d);
    pack(V, v + at, stride, tokens, d);
    packColumns(valueColumns, V, tokens, d);
    memory.fill(dQ, 0, 3 * matrix);
    for (let k0 = 0; k0 < tokens; k0 += BLOCK) {
      const keys = min(BLOCK, tokens - k0), paddedKeys = min(BLOCK, padded - k0);
      const keyRow = <usize>k0 * row;
      for (let q0 = 0; q0 < tokens; q0 += BLOCK) {
        const rows = min(BLOCK, tokens - q0), paddedRows = min(BLOCK, padded - q0), queryRow = <usize>q0 * row;
        product(P, SCORE_ROW, Q + queryRow, row, 4, keyColumns + (<usize>k0 << 2), column, paddedRows, paddedKeys, d, false);
        for (let i = 0; i < rows; i++) {
          const p = P + <usize>i * SCORE_ROW;
          expShifted(p, p, paddedKeys, lse + (<usize>(q0 + i) << 2));
        }
        product(dV + keyRow, row, P, 4, SCORE_ROW, G + queryRow, row, paddedKeys, width, rows, true);
        product(S, SCORE_ROW, G + queryRow, row, 4, valueColumns + (<usize>k0 << 2), column, paddedRows, paddedKeys, d, false);
        for (let i = 0; i < rows; i++) {
          const p = P + <usize>i * SCORE_ROW, s = S + <usize>i * SCORE_ROW;
          const shift = v128.load32_splat(inner + (<usize>(q0 + i) << 2));
          for (let j: usize = 0; j < <usize>paddedKeys << 2; j += 32) {
            const s0 = f32x4.mul(v128.load(p + j), f32x4.sub(v128.load(s + j), shift));
            const s1 = f32x4.mul(v128.load(p + j, 16), f32x4.sub(v128.load(s + j, 16), shift));
            v128.store(s + j, s1, 16);
            v128.store(s + j, s0);
          }
        }
        product(dQ + queryRow, row, S, SCORE_ROW, 4, K + keyRow, row, paddedRows, width, keys, true);
        product(dK + keyRow, row, S, 4, SCORE_ROW, Q + queryRow, row, paddedKeys, width, rows, true);
      }
    }
    scaleRow(dQ, scale, <i32>(matrix >> 2));
    for (let t: usize = 0; t < <usize>tokens; t++) {
      memory.copy(dq + at + t * stride, dQ + t * row, <usize>d << 2);
      memory.copy(dk + at + t * stride, dK + t * row, <usize>d << 2);
      memory.copy(dv + at + t * stride, dV + t * row, <usize>d << 2);
    }
  }
}
