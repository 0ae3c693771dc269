import { storeNormalized } from "./normalize.ts";
import { int8, type Kernel } from "./operand.ts";

/** q, k, v, y [1,tokens,heads·d] */
export const linearAttention: Kernel<"linearAttention"> = ({ layer, x, y }) => {
  const { heads, productShift, totalShift, epsilon, leastTotal, result } = layer;
  const [q, k, v] = x.map(int8);
  const [, tokens, channels] = q.shape;
  const d = channels / heads;
  const products = new Int32Array(d * d);
  const totals = new Int32Array(d);
  const sums = new Int32Array(d);
  return () => {
    for (let head = 0; head < channels; head += d) {
      products.fill(0);
      totals.fill(0);
      for (let at = head; at < tokens * channels; at += channels)
        for (let c = 0; c < d; c++) {
          const key = Math.max(k.cells[at + c] - k.zero, 0);
          totals[c] += key;
          for (let e = 0; e < d; e++) products[c * d + e] += key * (v.cells[at + e] - v.zero);
        }
      for (let i = 0; i < d * d; i++) products[i] = halve(products[i], productShift);
      for (let c = 0; c < d; c++) totals[c] = halve(totals[c], totalShift);
      for (let at = head; at < tokens * channels; at += channels) {
        let total = epsilon;
        sums.fill(0);
        for (let c = 0; c < d; c++) {
          const query = Math.max(q.cells[at + c] - q.zero, 0);
          total += query * totals[c];
          for (let e = 0; e < d; e++) sums[e] += query * products[c * d + e];
        }
        storeNormalized(y, result, sums, Math.max(total, leastTotal), at);
      }
    }
  };
};

/** x / 2^times, halves up */
function halve(x: number, times: number): number {
  return times > 0 ? (x + (1 << (times - 1))) >> times : x;
}
