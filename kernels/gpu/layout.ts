import type { Shape } from "../../engine/shape.ts";
import type { Emitter, Value } from "./emitter.ts";
import { cell } from "./kernel-text.ts";

/** Axis i of y is axis permutation[i] of x. */
export function transposeForward(emit: Emitter, x: Value, shape: Shape, permutation: readonly number[]): Value {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const sizes = permutation.map((axis) => shape[axis]!);
  return emit.cells(x.count, [x], (text, [x]) => {
    const coordinates = text.coordinates(cell, sizes);
    return x.at(coordinates.map((index, axis) => `${index} * ${strides[permutation[axis]!]!}`).join(" + "));
  });
}
