import { storeNormalized } from "./normalize.ts";
import { int8, type Kernel } from "./operand.ts";

/** Over the last axis of x [...,c] */
export const softmax: Kernel<"softmax"> = ({ layer, x, y }) => {
  const { exponentials, result } = layer;
  const { cells, shape } = int8(x[0]);
  const c = shape.at(-1)!;
  const row = new Int32Array(c);
  return () => {
    for (let at = 0; at < cells.length; at += c) {
      let largest = -128;
      for (let i = 0; i < c; i++) largest = Math.max(largest, cells[at + i]);
      let total = 0;
      for (let i = 0; i < c; i++) total += row[i] = exponentials[largest - cells[at + i]];
      storeNormalized(y, result, row, total, at);
    }
  };
};
