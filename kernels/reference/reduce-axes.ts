import { reducedAxes, type ReducedAxis, type ReduceKind } from "../../engine/ops/reduce-axes.ts";
import type { Shape } from "../../engine/shape.ts";
import type { Floats } from "./floats.ts";

/** Calls `visit` with the index of every cell of some loops, in order. */
function walk(axes: readonly ReducedAxis[], from: number, visit: (at: number) => void, axis = 0): void {
  if (axis === axes.length) return visit(from);
  const { size, stride } = axes[axis];
  for (let i = 0; i < size; i++) walk(axes, from + i * stride, visit, axis + 1);
}

/** y = the mean, sum, largest or smallest of x along `axes` */
export function reduceForward(y: Floats, x: Floats, shape: Shape, axes: readonly number[], kind: ReduceKind): void {
  const { kept, gone } = reducedAxes(shape, axes);
  const count = x.length / y.length;
  let out = 0;
  walk(kept, 0, (from) => {
    let value = kind === "largest" ? -Infinity : kind === "smallest" ? Infinity : 0;
    walk(gone, from, (at) => {
      value =
        kind === "largest" ? Math.max(value, x[at]) : kind === "smallest" ? Math.min(value, x[at]) : value + x[at];
    });
    y[out++] = kind === "mean" ? value / count : value;
  });
}
