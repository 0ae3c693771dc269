import { elementCount, type Shape } from "../../engine/shape.ts";
import type { Floats } from "./floats.ts";

/** y = the cells of x at `indices` along an axis */
export function gatherForward(y: Floats, x: Floats, shape: Shape, axis: number, indices: readonly number[]): void {
  const run = elementCount(shape.slice(axis + 1));
  const outer = elementCount(shape.slice(0, axis));
  for (let o = 0, to = 0; o < outer; o++)
    for (const index of indices) {
      const from = (o * shape[axis] + index) * run;
      y.set(x.subarray(from, from + run), to);
      to += run;
    }
}
