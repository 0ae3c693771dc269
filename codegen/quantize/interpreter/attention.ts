import { octave } from "../elementary.ts";
import { storeNormalized } from "./normalize.ts";
import { int8, type Kernel } from "./operand.ts";
import { rescale } from "./rescale.ts";

/** q, k, v, y [1,tokens,heads·d] */
export const attention: Kernel<"attention"> = ({ layer, x, y }) => {
  const { heads, exponent, weightShift, result } = layer;
  const [q, k, v] = x.map(int8);
  const [, tokens, channels] = q.shape;
  const d = channels / heads;
  const scores = new Int32Array(tokens);
  const sums = new Int32Array(d);
  return () => {
    for (let head = 0; head < channels; head += d)
      for (let i = 0; i < tokens; i++) {
        const query = i * channels + head;
        let largest = -Infinity;
        for (let j = 0; j < tokens; j++) {
          const key = j * channels + head;
          let score = 0;
          for (let c = 0; c < d; c++) score += (q.cells[query + c] - q.zero) * k.cells[key + c];
          scores[j] = score;
          largest = Math.max(largest, score);
        }
        let total = 0;
        sums.fill(0);
        for (let j = 0; j < tokens; j++) {
          const t = rescale(largest - scores[j], exponent.multiplier, exponent.shift);
          const weight = octave[t & 255] >> Math.min(31, (t >> 8) + weightShift);
          total += weight;
          const value = j * channels + head;
          for (let c = 0; c < d; c++) sums[c] += weight * (v.cells[value + c] - v.zero);
        }
        storeNormalized(y, result, sums, total, query);
      }
  };
};
