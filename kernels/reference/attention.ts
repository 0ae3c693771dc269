import type { Floats } from "./floats.ts";
import type { AttentionSizes } from "../heads.ts";

/**
 * y [n,tokens,heads·d] and logSumExp [n,heads,tokens] from q, k, v [n,tokens,heads·d]. The softmax is streamed: a
 * running maximum, sum and weighted value per query, rescaled when the maximum grows.
 */
export function attentionForward(
  y: Floats,
  logSumExp: Floats,
  q: Floats,
  k: Floats,
  v: Floats,
  s: AttentionSizes,
): void {
  const { tokens, heads, d, scale } = s;
  const channels = heads * d;
  const sums = new Float64Array(d);
  for (let image = 0; image < s.n; image++)
    for (let head = 0; head < heads; head++) {
      const base = image * tokens * channels + head * d;
      for (let i = 0; i < tokens; i++) {
        const query = base + i * channels;
        let largest = -Infinity;
        let total = 0;
        sums.fill(0);
        for (let j = 0; j < tokens; j++) {
          const key = base + j * channels;
          const score = scale * dot(q, query, k, key, d);
          if (score > largest) {
            const shrink = Math.exp(largest - score);
            total *= shrink;
            for (let c = 0; c < d; c++) sums[c] *= shrink;
            largest = score;
          }
          const weight = Math.exp(score - largest);
          total += weight;
          for (let c = 0; c < d; c++) sums[c] += weight * v[key + c];
        }
        for (let c = 0; c < d; c++) y[query + c] = sums[c] / total;
        logSumExp[(image * heads + head) * tokens + i] = largest + Math.log(total);
      }
    }
}

/** dq, dk, dv [n,tokens,heads·d] from dy, q, k, v, y [n,tokens,heads·d], logSumExp [n,heads,tokens] */
export function attentionGradient(
  dq: Floats,
  dk: Floats,
  dv: Floats,
  dy: Floats,
  q: Floats,
  k: Floats,
  v: Floats,
  y: Floats,
  logSumExp: Floats,
  s: AttentionSizes,
): void {
  const { tokens, heads, d, scale } = s;
  const channels = heads * d;
  const querySums = new Float64Array(d);
  const keySums = new Float64Array(tokens * d);
  const valueSums = new Float64Array(tokens * d);
  for (let image = 0; image < s.n; image++)
    for (let head = 0; head < heads; head++) {
      const base = image * tokens * channels + head * d;
      keySums.fill(0);
      valueSums.fill(0);
      for (let i = 0; i < tokens; i++) {
        const query = base + i * channels;
        const normalizer = logSumExp[(image * heads + head) * tokens + i];
        const mean = dot(dy, query, y, query, d);
        querySums.fill(0);
        for (let j = 0; j < tokens; j++) {
          const key = base + j * channels;
          const weight = Math.exp(scale * dot(q, query, k, key, d) - normalizer);
          const dscore = scale * weight * (dot(dy, query, v, key, d) - mean);
          for (let c = 0; c < d; c++) {
            querySums[c] += dscore * k[key + c];
            keySums[j * d + c] += dscore * q[query + c];
            valueSums[j * d + c] += weight * dy[query + c];
          }
        }
        dq.set(querySums, query);
      }
      for (let j = 0; j < tokens; j++) {
        dk.set(keySums.subarray(j * d, (j + 1) * d), base + j * channels);
        dv.set(valueSums.subarray(j * d, (j + 1) * d), base + j * channels);
      }
    }
}

function dot(a: Floats, atA: number, b: Floats, atB: number, d: number): number {
  let sum = 0;
  for (let c = 0; c < d; c++) sum += a[atA + c] * b[atB + c];
  return sum;
}
