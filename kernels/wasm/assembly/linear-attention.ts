import { columnsProduct, rowsProduct } from "./generated/attention-tiles";
import { madd, max, share, sumLanes } from "./simd";
import { worker } from "./worker";

// One thread works on one head of one image, in blocks of tokens packed into scratch of its own. Rows of a head are
// padded with zeros to a multiple of 8 channels.

const BLOCK: i32 = 64;

@unmanaged
class LinearAttention {
  /** Scratch of thread 0; those of the others follow at `scratchBytes`. */
  scratch: usize;
  scratchBytes: usize;
  n: i32;
  tokens: i32;
  heads: i32;
  /** Channels of one head, and the same as a multiple of 8. */
  d: i32;
  padded: i32;
  wide: bool;
  epsilon: f32;
}

// to [count][padded] = x [count][d], rows `stride` bytes apart
function pack(to: usize, x: usize, stride: usize, count: i32, d: i32, padded: i32): void {
  if (d != padded) memory.fill(to, 0, (<usize>count * padded) << 2);
  for (let t = 0; t < count; t++) {
    memory.copy(to, x, <usize>d << 2);
    to += <usize>padded << 2;
    x += stride;
  }
}

// x [count][d], rows `stride` bytes apart, = from [count][padded]
function unpack(x: usize, from: usize, stride: usize, count: i32, d: i32, padded: i32): void {
  for (let t = 0; t < count; t++) {
    memory.copy(x, from, <usize>d << 2);
    x += stride;
    from += <usize>padded << 2;
  }
}

// x [n] = max(0, x), n a multiple of 8
function rectify(x: usize, n: i32): void {
  const zero = f32x4.splat(0);
  for (const end = x + (<usize>n << 2); x < end; x += 32) {
    const x0 = max(zero, v128.load(x)), x1 = max(zero, v128.load(x, 16));
    v128.store(x, x1, 16);
    v128.store(x, x0);
  }
}

// y [n] = y + factor · x, n a multiple of 8
function addScaled(y: usize, x: usize, factor: f32, n: i32): void {
  const f = f32x4.splat(factor);
  for (const end = y + (<usize>n << 2); y < end; y += 32) {
    const y0 = madd(f, v128.load(x), v128.load(y)), y1 = madd(f, v128.load(x, 16), v128.load(y, 16));
    v128.store(y, y1, 16);
    v128.store(y, y0);
    x += 32;
  }
}

// x [n] = factor · x, n a multiple of 8
function scale(x: usize, factor: f32, n: i32): void {
  const f = f32x4.splat(factor);
  for (const end = x + (<usize>n << 2); x < end; x += 32) {
    const x0 = f32x4.mul(f, v128.load(x)), x1 = f32x4.mul(f, v128.load(x, 16));
    v128.store(x, x1, 16);
    v128.store(x, x0);
  }
}

// x [n] = y > 0 ? x : 0, n a multiple of 8
function mask(x: usize, y: usize, n: i32): void {
  const zero = f32x4.splat(0);
  for (const end = x + (<usize>n << 2); x < end; x += 32) {
    const x0 = v128.and(v128.load(x), f32x4.gt(v128.load(y), zero));
    const x1 = v128.and(v128.load(x, 16), f32x4.gt(v128.load(y, 16), zero));
    v128.store(x, x1, 16);
    v128.store(x, x0);
    y += 32;
  }
}

// Σ a · b, n a multiple of 8
function dot(a: usize, b: usize, n: i32): f32 {
  let s = f32x4.splat(0), t = s;
  for (const end = a + (<usize>n << 2); a < end; a += 32) {
    s = madd(v128.load(a), v128.load(b), s);
    t = madd(v128.load(a, 16), v128.load(b, 16), t);
    b += 32;
  }
  return sumLanes(f32x4.add(s, t));
}

// products [d][padded] = relu(k)ᵀ v, or its transpose; totals [padded] = Σ relu(k). K and V hold a block of tokens each.
function summarize(products: usize, totals: usize, k: usize, v: usize, K: usize, V: usize, stride: usize, s: LinearAttention, transposed: bool): void {
  const d = s.d, padded = s.padded, row = <usize>padded << 2;
  memory.fill(totals, 0, row);
  for (let t = 0; t < s.tokens; t += BLOCK) {
    const rows = min(BLOCK, s.tokens - t), at = <usize>t * stride;
    pack(K, k + at, stride, rows, d, padded);
    rectify(K, rows * padded);
    pack(V, v + at, stride, rows, d, padded);
    if (transposed) columnsProduct(products, row, V, row, K, row, d, padded, rows, t > 0, 0, s.wide);
    else columnsProduct(products, row, K, row, V, row, d, padded, rows, t > 0, 0, s.wide);
    for (let i = 0; i < rows; i++) addScaled(totals, K + <usize>i * row, 1, padded);
  }
}

// y [n,tokens,heads·d] from q, k, v
export function linearAttention(a: usize, thread: i32, threads: i32): void {
  const y = <usize>load<u32>(a), q = <usize>load<u32>(a, 4), k = <usize>load<u32>(a, 8), v = <usize>load<u32>(a, 12);
  const s = changetype<LinearAttention>(a + 16), tokens = s.tokens, heads = s.heads, d = s.d, padded = s.padded;
  const row = <usize>padded << 2, stride = <usize>(heads * d) << 2, direct = d == padded;
  const Q = s.scratch + <usize>worker * s.scratchBytes, Y = Q + BLOCK * row, products = Y + BLOCK * row;
  const totals = products + <usize>d * row, factors = totals + row;
  const end = share(s.n * heads, 1, thread + 1, threads);
  for (let unit = share(s.n * heads, 1, thread, threads); unit < end; unit++) {
    const head = <usize>(unit / heads) * <usize>tokens * stride + (<usize>(unit % heads * d) << 2);
    summarize(products, totals, k + head, v + head, Q, Y, stride, s, false);
    for (let t = 0; t < tokens; t += BLOCK) {
      const rows = min(BLOCK, tokens - t), at = head + <usize>t * stride;
      pack(Q, q + at, stride, rows, d, padded);
      rectify(Q, rows * padded);
      for (let i = 0; i < rows; i++)
        store<f32>(factors + (<usize>i << 2), 1 / (s.epsilon + dot(Q + <usize>i * row, totals, padded)));
      rowsProduct(direct ? y + at : Y, direct ? stride : row, Q, row, products, row, rows, padded, d, false, factors, s.wide);
      if (!direct) unpack(y + at, Y, stride, rows, d, padded);
    }
  }
}

// dq, dk, dv from dy, q, k, v, y
export function linearAttentionGradient(a: usize, thread: i32, threads: i32): void {
  const dq = <usize>load<u32>(a), dk = <usize>load<u32>(a, 4), dv = <usize>load<u32>(a, 8), dy = <usize>load<u32>(a, 12);
  const q = <usize>load<u32>(a, 16), k = <usize>load<u32>(a, 20), v = <usize>load<u32>(a, 24), y = <usize>load<u32>(a, 28);
  const s = changetype<LinearAttention>(a + 32), tokens = s.tokens, heads = s.heads, d = s.d, padded = s.padded;
  const row = <usize>padded << 2, stride = <usize>(heads * d) << 2, direct = d == padded;
  const A = s.scratch + <usize>worker * s.scratchBytes, B = A + BLOCK * row, C = B + BLOCK * row;
  const transposed = C + BLOCK * row, dproducts = transposed + <usize>padded * row;
  const totals = dproducts + <usize>padded * row, dtotals = totals + row, dnormalizers = dtotals + row;
  const end = share(s.n * heads, 1, thread + 1, threads);
  for (let unit = share(s.n * heads, 1, thread, threads); unit < end; unit++) {
    const head = <usize>(unit / heads) * <usize>tokens * stride + (<usize>(unit % heads * d) << 2);
    summarize(transposed, totals, k + head, v + head, A, B, stride, s, true);
    memory.fill(dtotals, 0, row);
    for (let t = 0; t < tokens; t += BLOCK) {
      const rows = min(BLOCK, tokens - t), at = head + <usize>t * stride, Q = A, G = B, D = C;
      pack(Q, q + at, stride, rows, d, padded);
      rectify(Q, rows * padded);
      pack(G, dy + at, stride, rows, d, padded);
      pack(D, y + at, stride, rows, d, padded);
      for (let i = 0; i < rows; i++) {
        const r = <usize>i * row;
        scale(G + r, 1 / (s.epsilon + dot(Q + r, totals, padded)), padded);
        const dnormalizer = -dot(G + r, D + r, padded);
        store<f32>(dnormalizers + (<usize>i << 2), dnormalizer);
        addScaled(dtotals, Q + r, dnormalizer, padded);
      }
      columnsProduct(dproducts, row, Q, row, G, row, d, padded, rows, t > 0, 0, s.wide);
      rowsProduct(D, row, G, row, transposed, row, rows, padded, d, false, 0, s.wide);
      for (let i = 0; i < rows; i++)
        addScaled(D + <usize>i * row, totals, load<f32>(dnormalizers + (<usize>i << 2)), padded);
      mask(D, Q, rows * padded);
      unpack(dq + at, D, stride, rows, d, padded);
    }
    for (let c: usize = 0; c < <usize>d; c++)
      for (let e: usize = 0; e < <usize>d; e++)
        store<f32>(transposed + e * row + (c << 2), load<f32>(dproducts + c * row + (e << 2)));
    for (let t = 0; t < tokens; t += BLOCK) {
      const rows = min(BLOCK, tokens - t), at = head + <usize>t * stride, K = A, D = C;
      pack(K, k + at, stride, rows, d, padded);
      rectify(K, rows * padded);
      rowsProduct(D, row, v + at, stride, transposed, row, rows, padded, d, false, 0, s.wide);
      for (let i = 0; i < rows; i++) addScaled(D + <usize>i * row, dtotals, 1, padded);
      mask(D, K, rows * padded);
      unpack(dk + at, D, stride, rows, d, padded);
      rowsProduct(direct ? dv + at : D, direct ? stride : row, K, row, dproducts, row, rows, padded, d, false, 0, s.wide);
      if (!direct) unpack(dv + at, D, stride, rows, d, padded);
    }
  }
}
