import { ShapeError } from "../errors.ts";
import { recordOne } from "../record.ts";
import { formatShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/**
 * Sets a fraction `rate` of the elements to zero and scales the rest by 1 / (1 − rate).
 * @param seed [2], two integers below 2²⁴ held in floats
 * @param stream tells apart the dropouts of one model
 * @throws ShapeError
 */
export function dropout(x: Tensor, seed: Tensor, rate: number, stream: number): Tensor {
  return recordOne("dropout", [x, seed], { rate, stream });
}

export function dropoutShape([x, seed]: readonly Shape[], { rate }: { readonly rate: number }): Shape[] {
  if (seed!.length !== 1 || seed![0] !== 2)
    throw new ShapeError(`dropout: seed must be [2], got ${formatShape(seed!)}`);
  if (!(rate >= 0 && rate < 1)) throw new ShapeError(`dropout: rate must be at least 0 and below 1, got ${rate}`);
  return [x!];
}
