import { powerOfTwo } from "../powers-of-two.ts";
import { bindFinish } from "./finish.ts";
import { int8, type Kernel } from "./operand.ts";
import { rescale } from "./rescale.ts";

/** Over the last axis of x [...,c]: gamma · (x − mean) / deviation, the quotient in 4096ths. */
export const layerNorm: Kernel<"layerNorm"> = (call) => {
  const { gamma, epsilon } = call.layer;
  const { cells, shape } = int8(call.x[0]);
  const finish = bindFinish(call);
  const c = shape.at(-1)!;
  const sums = new Int32Array(c);
  return () => {
    for (let at = 0; at < cells.length; at += c) {
      let sum = 0;
      let squares = 0;
      for (let i = 0; i < c; i++) {
        sum += cells[at + i];
        squares += cells[at + i] ** 2;
      }
      const variance = Math.max(1, c * squares - sum * sum + epsilon);
      let octaves = 0;
      while (variance * powerOfTwo(2 * octaves) < 2 ** 30) octaves++;
      while (variance * powerOfTwo(2 * octaves) >= 2 ** 32) octaves--;
      const root = Math.floor(Math.sqrt(Math.floor(variance * powerOfTwo(2 * octaves))));
      const multiplier = Math.floor((2 ** 32 - 1) / root) * 2 ** 14;
      for (let i = 0; i < c; i++) {
        const distance = Math.floor((c * cells[at + i] - sum) * powerOfTwo(octaves));
        sums[i] = gamma[gamma.length === 1 ? 0 : i] * rescale(distance, multiplier, 34);
      }
      finish(sums, at);
    }
  };
};
