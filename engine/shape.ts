import { ShapeError } from "./errors.ts";

/** Sizes of a tensor's axes, outermost first; `[]` is a scalar. Images are `[batch, height, width, channels]`. */
export type Shape = readonly number[];

/** Rows and columns of zeros around an image: `[top, bottom, left, right]`. */
export type Padding = readonly [top: number, bottom: number, left: number, right: number];

/** `"same"` gives ⌈size / stride⌉ outputs with (k−1)/2 on both sides, as PyTorch does for odd kernels; `"valid"` pads nothing. */
export type PaddingOption = "same" | "valid" | number | Padding;

export type Pair = readonly [height: number, width: number];

export function elementCount(shape: Shape): number {
  let count = 1;
  for (const size of shape) count *= size;
  return count;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(",")}]`;
}

/** @throws ShapeError when a size is not a positive integer. */
export function checkShape(op: string, shape: Shape): Shape {
  if (!shape.every((size) => Number.isInteger(size) && size > 0))
    throw new ShapeError(`${op}: shape ${formatShape(shape)} has a size that is not a positive integer`);
  return shape;
}

/** @throws ShapeError when `shape` has not `rank` axes. */
export function checkRank(op: string, what: string, shape: Shape, rank: number, axes: string): void {
  if (shape.length !== rank)
    throw new ShapeError(`${op}: ${what} must have ${rank} axes ${axes}, got ${formatShape(shape)}`);
}

export function pair(value: number | Pair): Pair {
  return typeof value === "number" ? [value, value] : value;
}

/** @throws ShapeError for `"same"` with an even kernel, which has no symmetric padding. */
export function resolvePadding(op: string, option: PaddingOption, kernel: Pair): Padding {
  if (option === "valid") return [0, 0, 0, 0];
  if (typeof option === "number") return [option, option, option, option];
  if (option !== "same") return option;
  if (kernel[0] % 2 === 0 || kernel[1] % 2 === 0)
    throw new ShapeError(`${op}: "same" padding needs an odd kernel, got ${formatShape(kernel)}`);
  const vertical = (kernel[0] - 1) / 2;
  const horizontal = (kernel[1] - 1) / 2;
  return [vertical, vertical, horizontal, horizontal];
}

/** Output height and width of a window that slides over an image. @throws ShapeError when it does not fit. */
export function windowOutput(op: string, image: Pair, kernel: Pair, stride: Pair, padding: Padding): Pair {
  if (!stride.every((step) => Number.isInteger(step) && step > 0))
    throw new ShapeError(`${op}: stride ${formatShape(stride)} must be positive integers`);
  if (!padding.every((size) => Number.isInteger(size) && size >= 0))
    throw new ShapeError(`${op}: padding ${formatShape(padding)} must be integers of at least 0`);
  const height = image[0] + padding[0] + padding[1];
  const width = image[1] + padding[2] + padding[3];
  if (kernel[0] > height || kernel[1] > width)
    throw new ShapeError(
      `${op}: kernel ${formatShape(kernel)} is larger than the padded input ${formatShape([height, width])}`,
    );
  return [Math.floor((height - kernel[0]) / stride[0]) + 1, Math.floor((width - kernel[1]) / stride[1]) + 1];
}
