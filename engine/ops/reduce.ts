import { recordOne } from "../record.ts";
import type { Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** The mean of all elements, a scalar. */
export function mean(x: Tensor): Tensor {
  return recordOne("mean", [x], {});
}

/** The sum over all axes but the last: [...,c] → [c]. */
export function sumRows(x: Tensor): Tensor {
  return recordOne("sumRows", [x], {});
}

/** The sum of the squares of all elements of all tensors, a scalar. */
export function sumOfSquares(tensors: readonly Tensor[]): Tensor {
  return recordOne("sumOfSquares", tensors, {});
}

export function scalarShape(): Shape[] {
  return [[]];
}

export function sumRowsShape([x]: readonly Shape[]): Shape[] {
  return [[x!.at(-1) ?? 1]];
}
