import type { Shape } from "../../engine/shape.ts";
import type { Floats } from "./floats.ts";

/** y and x hold the same cells in the same order */
export function reshapeForward(y: Floats, x: Floats): void {
  y.set(x);
}

/** Axis i of y is axis permutation[i] of x */
export function transposeForward(y: Floats, x: Floats, shape: Shape, permutation: readonly number[]): void {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const sizes = permutation.map((axis) => shape[axis]);
  const steps = permutation.map((axis) => strides[axis]);
  const index = sizes.map(() => 0);
  for (let out = 0, from = 0; out < y.length; out++) {
    y[out] = x[from];
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      from += steps[axis];
      if (++index[axis] < sizes[axis]) break;
      from -= steps[axis] * sizes[axis];
      index[axis] = 0;
    }
  }
}
