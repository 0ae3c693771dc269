import { ShapeError } from "../errors.ts";
import { recordOne } from "../record.ts";
import { formatShape, sameShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** a + b, of one shape. @throws ShapeError */
export function add(a: Tensor, b: Tensor): Tensor {
  return recordOne("add", [a, b], {});
}

/** a · b element by element, of one shape. @throws ShapeError */
export function multiply(a: Tensor, b: Tensor): Tensor {
  return recordOne("multiply", [a, b], {});
}

/** factor · x */
export function scale(x: Tensor, factor: number): Tensor {
  return recordOne("scale", [x], { factor });
}

/** max(x, 0) */
export function relu(x: Tensor): Tensor {
  return recordOne("relu", [x], {});
}

export function unaryShape([x]: readonly Shape[]): Shape[] {
  return [x!];
}

/** Shape rule of an op whose inputs must all have one shape, which its output has too. */
export function binaryShape(op: string): (shapes: readonly Shape[]) => Shape[] {
  return ([a, b]) => {
    if (!sameShape(a!, b!))
      throw new ShapeError(`${op}: both inputs must have one shape, got ${formatShape(a!)} and ${formatShape(b!)}`);
    return [a!];
  };
}
