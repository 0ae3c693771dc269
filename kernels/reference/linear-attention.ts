import type { Floats } from "./floats.ts";
import type { LinearAttentionSizes } from "../heads.ts";

/** y [n,tokens,heads·d] from q, k, v [n,tokens,heads·d] */
export function linearAttentionForward(y: Floats, q: Floats, k: Floats, v: Floats, s: LinearAttentionSizes): void {
  const { tokens, heads, d, epsilon } = s;
  const channels = heads * d;
  for (let image = 0; image < s.n; image++)
    for (let head = 0; head < heads; head++) {
      const base = image * tokens * channels + head * d;
      const { products, totals } = summarize(k, v, base, s);
      for (let t = 0; t < tokens; t++) {
        const at = base + t * channels;
        const normalizer = epsilon + product(q, at, totals, 0, d);
        for (let e = 0; e < d; e++) {
          let sum = 0;
          for (let c = 0; c < d; c++) sum += Math.max(q[at + c], 0) * products[c * d + e];
          y[at + e] = sum / normalizer;
        }
      }
    }
}

/** dq, dk, dv from dy, q, k, v, y, all [n,tokens,heads·d] */
export function linearAttentionGradient(
  dq: Floats,
  dk: Floats,
  dv: Floats,
  dy: Floats,
  q: Floats,
  k: Floats,
  v: Floats,
  y: Floats,
  s: LinearAttentionSizes,
): void {
  const { tokens, heads, d, epsilon } = s;
  const channels = heads * d;
  const g = new Float64Array(d);
  for (let image = 0; image < s.n; image++)
    for (let head = 0; head < heads; head++) {
      const base = image * tokens * channels + head * d;
      const { products, totals } = summarize(k, v, base, s);
      const dproducts = new Float64Array(d * d);
      const dtotals = new Float64Array(d);
      for (let t = 0; t < tokens; t++) {
        const at = base + t * channels;
        const normalizer = epsilon + product(q, at, totals, 0, d);
        let dnormalizer = 0;
        for (let e = 0; e < d; e++) {
          g[e] = dy[at + e] / normalizer;
          dnormalizer -= g[e] * y[at + e];
        }
        for (let c = 0; c < d; c++) {
          const query = Math.max(q[at + c], 0);
          let sum = dnormalizer * totals[c];
          for (let e = 0; e < d; e++) {
            sum += g[e] * products[c * d + e];
            dproducts[c * d + e] += query * g[e];
          }
          dtotals[c] += query * dnormalizer;
          dq[at + c] = query > 0 ? sum : 0;
        }
      }
      for (let t = 0; t < tokens; t++) {
        const at = base + t * channels;
        for (let c = 0; c < d; c++) {
          let sum = dtotals[c];
          for (let e = 0; e < d; e++) sum += v[at + e] * dproducts[c * d + e];
          dk[at + c] = k[at + c] > 0 ? sum : 0;
        }
        for (let e = 0; e < d; e++) {
          let sum = 0;
          for (let c = 0; c < d; c++) sum += Math.max(k[at + c], 0) * dproducts[c * d + e];
          dv[at + e] = sum;
        }
      }
    }
}

/** products [d,d] = relu(k)ᵀ v and totals [d] = Σ relu(k) of the head that starts at `base` */
function summarize(
  k: Floats,
  v: Floats,
  base: number,
  { tokens, heads, d }: LinearAttentionSizes,
): { products: Float64Array; totals: Float64Array } {
  const products = new Float64Array(d * d);
  const totals = new Float64Array(d);
  for (let t = 0; t < tokens; t++) {
    const at = base + t * heads * d;
    for (let c = 0; c < d; c++) {
      const key = Math.max(k[at + c], 0);
      totals[c] += key;
      for (let e = 0; e < d; e++) products[c * d + e] += key * v[at + e];
    }
  }
  return { products, totals };
}

/** Σ relu(a) · b */
function product(a: Floats, atA: number, b: Floats, atB: number, d: number): number {
  let sum = 0;
  for (let c = 0; c < d; c++) sum += Math.max(a[atA + c], 0) * b[atB + c];
  return sum;
}
