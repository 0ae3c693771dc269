import { ShapeError } from "../errors.ts";
import { recordOne } from "../record.ts";
import {
  checkRank,
  formatShape,
  pair,
  resolvePadding,
  sameShape,
  windowOutput,
  type Pair,
  type PaddingOption,
  type Shape,
} from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { Dilated, Grouped, InputShape, KernelSize } from "./vocabulary.ts";

export interface DepthwiseConv2dOptions {
  /** Default 1. */
  readonly stride?: number | Pair;
  /** Default `"same"`. */
  readonly padding?: PaddingOption;
  /** Cells from one tap of the kernel to the next. Default 1. */
  readonly dilation?: number | Pair;
}

export interface Conv2dOptions extends DepthwiseConv2dOptions {
  /** Slices of the channels that are convolved each on its own; divides those of x and of the result. Default 1. */
  readonly groups?: number;
}

function dilated(op: string, w: Tensor, options: DepthwiseConv2dOptions): Dilated {
  const kernel: Pair = [w.shape[0] ?? 1, w.shape[1] ?? 1];
  const dilation = pair(options.dilation ?? 1);
  const padding = resolvePadding(op, options.padding ?? "same", kernel, dilation);
  return { stride: pair(options.stride ?? 1), padding, dilation };
}

/**
 * 2-D convolution, NHWC. x [n,h,w,ci], w [kh,kw,ci/groups,co] → [n,h',w',co] with
 * h' = ⌊(h + top + bottom − dilation · (kh − 1) − 1) / stride⌋ + 1.
 * @throws ShapeError
 */
export function conv2d(x: Tensor, w: Tensor, options: Conv2dOptions = {}): Tensor {
  return recordOne("conv2d", [x, w], { ...dilated("conv2d", w, options), groups: options.groups ?? 1 });
}

export function conv2dShape([x, w]: readonly Shape[], attributes: Grouped): Shape[] {
  const { groups } = attributes;
  checkRank("conv2d", "x", x!, 4, "[n,h,w,ci]");
  checkRank("conv2d", "w", w!, 4, "[kh,kw,ci/groups,co]");
  const [n, height, width, channels] = x as [number, number, number, number];
  const [kh, kw, ci, co] = w as [number, number, number, number];
  if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0 || co % groups !== 0)
    throw new ShapeError(
      `conv2d: groups must divide the ${channels} channels of x and the ${co} of the result, got ${groups}`,
    );
  if (channels !== ci * groups)
    throw new ShapeError(
      `conv2d: x ${formatShape(x!)} has ${channels} channels, w ${formatShape(w!)} expects ${ci * groups}` +
        (groups === 1 ? "" : ` in ${groups} groups`),
    );
  const [outHeight, outWidth] = windowOutput("conv2d", [height, width], [kh, kw], attributes);
  return [[n, outHeight, outWidth, co]];
}

export function conv2dInputGradientShape([dy, w]: readonly Shape[], attributes: Grouped & InputShape): Shape[] {
  const [y] = conv2dShape([attributes.inputShape, w!], attributes);
  if (!sameShape(y!, dy!))
    throw new ShapeError(`conv2dInputGradient: dy must be ${formatShape(y!)}, got ${formatShape(dy!)}`);
  return [attributes.inputShape];
}

export function conv2dFilterGradientShape([x, dy]: readonly Shape[], attributes: Grouped & KernelSize): Shape[] {
  const w = [...attributes.kernel, x![3]! / attributes.groups, dy![3]!];
  const [y] = conv2dShape([x!, w], attributes);
  if (!sameShape(y!, dy!))
    throw new ShapeError(`conv2dFilterGradient: dy must be ${formatShape(y!)}, got ${formatShape(dy!)}`);
  return [w];
}

/** Depthwise 2-D convolution, NHWC. x [n,h,w,c], w [kh,kw,c] → [n,h',w',c]. @throws ShapeError */
export function depthwiseConv2d(x: Tensor, w: Tensor, options: DepthwiseConv2dOptions = {}): Tensor {
  return recordOne("depthwiseConv2d", [x, w], dilated("depthwiseConv2d", w, options));
}

export function depthwiseConv2dShape([x, w]: readonly Shape[], attributes: Dilated): Shape[] {
  checkRank("depthwiseConv2d", "x", x!, 4, "[n,h,w,c]");
  checkRank("depthwiseConv2d", "w", w!, 3, "[kh,kw,c]");
  const [n, height, width, channels] = x as [number, number, number, number];
  const [kh, kw, c] = w as [number, number, number];
  if (channels !== c)
    throw new ShapeError(
      `depthwiseConv2d: x ${formatShape(x!)} has ${channels} channels, w ${formatShape(w!)} expects ${c}`,
    );
  const [outHeight, outWidth] = windowOutput("depthwiseConv2d", [height, width], [kh, kw], attributes);
  return [[n, outHeight, outWidth, c]];
}

export function depthwiseConv2dInputGradientShape(
  [dy, w]: readonly Shape[],
  attributes: Dilated & InputShape,
): Shape[] {
  const [y] = depthwiseConv2dShape([attributes.inputShape, w!], attributes);
  if (!sameShape(y!, dy!))
    throw new ShapeError(`depthwiseConv2dInputGradient: dy must be ${formatShape(y!)}, got ${formatShape(dy!)}`);
  return [attributes.inputShape];
}

export function depthwiseConv2dFilterGradientShape(
  [x, dy]: readonly Shape[],
  attributes: Dilated & KernelSize,
): Shape[] {
  const w = [...attributes.kernel, x![3]!];
  const [y] = depthwiseConv2dShape([x!, w], attributes);
  if (!sameShape(y!, dy!))
    throw new ShapeError(`depthwiseConv2dFilterGradient: dy must be ${formatShape(y!)}, got ${formatShape(dy!)}`);
  return [w];
}
