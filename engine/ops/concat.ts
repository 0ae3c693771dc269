import { partStarts } from "../box.ts";
import { ShapeError } from "../errors.ts";
import { recordOne } from "../record.ts";
import { formatShape, type Padding, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { checkRank } from "../shape.ts";
import type { Attributes } from "./vocabulary.ts";

/**
 * Tensors one after the other along an axis, all other axes alike.
 * @param axis counted from the end when negative; default the last: the channels of images
 * @throws ShapeError
 */
export function concat(tensors: readonly Tensor[], axis = -1): Tensor {
  const rank = tensors[0]?.shape.length ?? 0;
  return recordOne("concat", tensors, { axis: axis < 0 ? axis + rank : axis });
}

export function concatShape(shapes: readonly Shape[], { axis }: Attributes<"concat">): Shape[] {
  const [first] = shapes;
  if (first === undefined) throw new ShapeError("concat: takes at least one tensor, got none");
  if (!Number.isInteger(axis) || axis < 0 || axis >= first.length)
    throw new ShapeError(`concat: ${formatShape(first)} has no axis ${axis}`);
  for (const shape of shapes)
    if (shape.length !== first.length || shape.some((size, other) => other !== axis && size !== first[other]))
      throw new ShapeError(
        `concat: all axes but ${axis} must be alike, got ${shapes.map((each) => formatShape(each)).join(", ")}`,
      );
  return [
    first.with(
      axis,
      shapes.reduce((sum, shape) => sum + shape[axis]!, 0),
    ),
  ];
}

/** Where each part of a concatenation starts. */
export function concatStarts(shapes: readonly Shape[], axis: number): Shape[] {
  return partStarts(shapes.map((shape) => shape[axis]!)).map((start) =>
    shapes[0]!.map((_, at) => (at === axis ? start : 0)),
  );
}

/** The box of `size` cells from `start` on, along each axis. @throws ShapeError when it leaves x */
export function slice(x: Tensor, start: readonly number[], size: readonly number[]): Tensor {
  return recordOne("slice", [x], { start, size });
}

export function sliceShape([x]: readonly Shape[], { start, size }: Attributes<"slice">): Shape[] {
  const fits =
    start.length === x!.length &&
    size.length === x!.length &&
    start.every(
      (first, axis) => isCount(first) && size[axis]! > 0 && isCount(size[axis]!) && first + size[axis]! <= x![axis]!,
    );
  if (!fits)
    throw new ShapeError(
      `slice: ${formatShape(x!)} has no box of ${formatShape(size)} cells from ${formatShape(start)} on`,
    );
  return [size];
}

/**
 * x [n,h,w,c] with rows and columns of one value around each image.
 * @param padding rows and columns on every side, or `[top, bottom, left, right]`
 * @throws ShapeError
 */
export function pad(x: Tensor, padding: number | Padding, value = 0): Tensor {
  checkRank("pad", "x", x.shape, 4, "[n,h,w,c]");
  const [top, bottom, left, right] = typeof padding === "number" ? [padding, padding, padding, padding] : padding;
  return recordOne("pad", [x], { before: [0, top, left, 0], after: [0, bottom, right, 0], value });
}

export function padShape([x]: readonly Shape[], { before, after, value }: Attributes<"pad">): Shape[] {
  if (before.length !== x!.length || after.length !== x!.length || ![...before, ...after].every(isCount))
    throw new ShapeError(
      `pad: ${formatShape(x!)} needs whole numbers of cells before and after each axis, got ${formatShape(before)} and ${formatShape(after)}`,
    );
  if (!Number.isFinite(value)) throw new ShapeError(`pad: the value must be finite, got ${value}`);
  return [x!.map((size, axis) => before[axis]! + size + after[axis]!)];
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0;
}
