import { boxAxes, boxStrides } from "../../engine/box.ts";
import type { Shape } from "../../engine/shape.ts";
import type { Floats } from "./floats.ts";

/** Calls `use` with the places of every run of cells that lies in one piece in the outer tensor and in the box. */
function eachRun(
  outer: Shape,
  start: Shape,
  size: Shape,
  use: (outerCell: number, boxCell: number, run: number) => void,
): void {
  const axes = boxAxes(outer, start, size);
  const strides = boxStrides(axes);
  const first = axes.reduce((sum, axis, at) => sum + axis.start * strides[at], 0);
  const run = axes.at(-1)?.size ?? 1;
  const index = axes.slice(0, -1).map(() => 0);
  const rows = axes.slice(0, -1).reduce((product, axis) => product * axis.size, 1);
  for (let row = 0; row < rows; row++) {
    use(
      index.reduce((sum, i, at) => sum + i * strides[at], first),
      row * run,
      run,
    );
    for (let at = index.length - 1; at >= 0 && ++index[at] === axes[at].size; at--) index[at] = 0;
  }
}

/** y: all x one after the other along an axis; `starts` are their first cells in y */
export function concatForward(
  y: Floats,
  x: readonly Floats[],
  yShape: Shape,
  xShapes: readonly Shape[],
  starts: readonly Shape[],
): void {
  x.forEach((part, index) =>
    eachRun(yShape, starts[index], xShapes[index], (to, from, run) => y.set(part.subarray(from, from + run), to)),
  );
}

/** y [size] = x from `start` on */
export function sliceForward(y: Floats, x: Floats, xShape: Shape, start: Shape, size: Shape): void {
  eachRun(xShape, start, size, (from, to, run) => y.set(x.subarray(from, from + run), to));
}

/** y = value everywhere but in the box from `before` on, which holds x */
export function padForward(y: Floats, x: Floats, yShape: Shape, xShape: Shape, before: Shape, value: number): void {
  y.fill(value);
  eachRun(yShape, before, xShape, (to, from, run) => y.set(x.subarray(from, from + run), to));
}
