import { ShapeError } from "../errors.ts";
import { recordOne } from "../record.ts";
import { checkShape, elementCount, formatShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { Attributes } from "./vocabulary.ts";

/** The same cells under another shape. @throws ShapeError when the counts differ. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  return recordOne("reshape", [x], { shape });
}

export function reshapeShape([x]: readonly Shape[], { shape }: Attributes<"reshape">): Shape[] {
  checkShape("reshape", shape);
  if (elementCount(x!) !== elementCount(shape))
    throw new ShapeError(
      `reshape: ${formatShape(x!)} has ${elementCount(x!)} elements, ${formatShape(shape)} needs ${elementCount(shape)}`,
    );
  return [shape];
}

/** Axis i of the result is axis permutation[i] of x; the default reverses all axes. @throws ShapeError */
export function transpose(x: Tensor, permutation?: readonly number[]): Tensor {
  return recordOne("transpose", [x], { permutation: permutation ?? x.shape.map((_, axis) => axis).reverse() });
}

export function transposeShape([x]: readonly Shape[], { permutation }: Attributes<"transpose">): Shape[] {
  const seen = new Set(permutation);
  if (permutation.length !== x!.length || seen.size !== x!.length || permutation.some((axis) => x![axis] === undefined))
    throw new ShapeError(
      `transpose: [${permutation.join(",")}] is not a permutation of the axes of ${formatShape(x!)}`,
    );
  return [permutation.map((axis) => x![axis]!)];
}
