import { ShapeError } from "../errors.ts";
import { recordOne } from "../record.ts";
import { formatShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { Attributes } from "./vocabulary.ts";

/** The cells at `indices` along an axis. @throws ShapeError */
export function gather(x: Tensor, axis: number, indices: readonly number[]): Tensor {
  return recordOne("gather", [x], { axis, indices });
}

export function gatherShape([x]: readonly Shape[], { axis, indices }: Attributes<"gather">): Shape[] {
  const size = x![axis];
  if (size === undefined || indices.length === 0)
    throw new ShapeError(`gather: ${formatShape(x!)} has no axis ${axis}, or no index was given`);
  const wrong = indices.find((index) => !Number.isInteger(index) || index < 0 || index >= size);
  if (wrong !== undefined) throw new ShapeError(`gather: axis ${axis} of ${formatShape(x!)} has no index ${wrong}`);
  return [x!.with(axis, indices.length)];
}
