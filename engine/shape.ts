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

const dense: Pair = [1, 1];

/** Cells from the first to the last tap of a kernel whose taps lie `dilation` cells apart. */
export function kernelExtent(kernel: Pair, dilation: Pair): Pair {
  return [(kernel[0] - 1) * dilation[0] + 1, (kernel[1] - 1) * dilation[1] + 1];
}

function formatKernel(kernel: Pair, dilation: Pair): string {
  return formatShape(kernel) + (sameShape(dilation, dense) ? "" : ` with dilation ${formatShape(dilation)}`);
}

/** @throws ShapeError for `"same"` with a kernel of even extent, which has no symmetric padding. */
export function resolvePadding(op: string, option: PaddingOption, kernel: Pair, dilation = dense): Padding {
  if (option === "valid") return [0, 0, 0, 0];
  if (typeof option === "number") return [option, option, option, option];
  if (option !== "same") return option;
  const extent = kernelExtent(kernel, dilation);
  if (extent[0] % 2 === 0 || extent[1] % 2 === 0)
    throw new ShapeError(`${op}: "same" padding needs an odd kernel, got ${formatKernel(kernel, dilation)}`);
  const vertical = (extent[0] - 1) / 2;
  const horizontal = (extent[1] - 1) / 2;
  return [vertical, vertical, horizontal, horizontal];
}

/** Output height and width of a window that slides over an image. @throws ShapeError when it does not fit. */
export function windowOutput(
  op: string,
  image: Pair,
  kernel: Pair,
  { stride, padding, dilation = dense }: { readonly stride: Pair; readonly padding: Padding; readonly dilation?: Pair },
): Pair {
  for (const [what, steps] of Object.entries({ stride, dilation }))
    if (!steps.every((step) => Number.isInteger(step) && step > 0))
      throw new ShapeError(`${op}: ${what} ${formatShape(steps)} must be positive integers`);
  if (!padding.every((size) => Number.isInteger(size) && size >= 0))
    throw new ShapeError(`${op}: padding ${formatShape(padding)} must be integers of at least 0`);
  const height = image[0] + padding[0] + padding[1];
  const width = image[1] + padding[2] + padding[3];
  const extent = kernelExtent(kernel, dilation);
  if (extent[0] > height || extent[1] > width)
    throw new ShapeError(
      `${op}: kernel ${formatKernel(kernel, dilation)} is larger than the padded input ${formatShape([height, width])}`,
    );
  return [Math.floor((height - extent[0]) / stride[0]) + 1, Math.floor((width - extent[1]) / stride[1]) + 1];
}
