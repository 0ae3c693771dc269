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
import type { InputShape, Pooling, Sliding } from "./vocabulary.ts";

export interface Conv2dOptions {
  /** Default 1. */
  readonly stride?: number | Pair;
  /** Default `"same"`. */
  readonly padding?: PaddingOption;
}

function sliding(op: string, w: Tensor, options: Conv2dOptions): Sliding {
  const kernel: Pair = [w.shape[0] ?? 1, w.shape[1] ?? 1];
  return { stride: pair(options.stride ?? 1), padding: resolvePadding(op, options.padding ?? "same", kernel) };
}

/**
 * 2-D convolution, NHWC. x [n,h,w,ci], w [kh,kw,ci,co] → [n,h',w',co] with h' = ⌊(h + top + bottom − kh) / stride⌋ + 1.
 * @throws ShapeError
 */
export function conv2d(x: Tensor, w: Tensor, options: Conv2dOptions = {}): Tensor {
  return recordOne("conv2d", [x, w], sliding("conv2d", w, options));
}

export function conv2dShape([x, w]: readonly Shape[], { stride, padding }: Sliding): Shape[] {
  checkRank("conv2d", "x", x!, 4, "[n,h,w,ci]");
  checkRank("conv2d", "w", w!, 4, "[kh,kw,ci,co]");
  const [n, height, width, channels] = x as [number, number, number, number];
  const [kh, kw, ci, co] = w as [number, number, number, number];
  if (channels !== ci)
    throw new ShapeError(`conv2d: x ${formatShape(x!)} has ${channels} channels, w ${formatShape(w!)} expects ${ci}`);
  const [outHeight, outWidth] = windowOutput("conv2d", [height, width], [kh, kw], stride, padding);
  return [[n, outHeight, outWidth, co]];
}

export function conv2dInputGradientShape([dy, w]: readonly Shape[], attributes: Sliding & InputShape): Shape[] {
  const [y] = conv2dShape([attributes.inputShape, w!], attributes);
  if (!sameShape(y!, dy!))
    throw new ShapeError(`conv2dInputGradient: dy must be ${formatShape(y!)}, got ${formatShape(dy!)}`);
  return [attributes.inputShape];
}

export function conv2dFilterGradientShape([x, dy]: readonly Shape[], attributes: Pooling): Shape[] {
  const w = [...attributes.kernel, x![3]!, dy![3]!];
  const [y] = conv2dShape([x!, w], attributes);
  if (!sameShape(y!, dy!))
    throw new ShapeError(`conv2dFilterGradient: dy must be ${formatShape(y!)}, got ${formatShape(dy!)}`);
  return [w];
}

/** Depthwise 2-D convolution, NHWC. x [n,h,w,c], w [kh,kw,c] → [n,h',w',c]. @throws ShapeError */
export function depthwiseConv2d(x: Tensor, w: Tensor, options: Conv2dOptions = {}): Tensor {
  return recordOne("depthwiseConv2d", [x, w], sliding("depthwiseConv2d", w, options));
}

export function depthwiseConv2dShape([x, w]: readonly Shape[], { stride, padding }: Sliding): Shape[] {
  checkRank("depthwiseConv2d", "x", x!, 4, "[n,h,w,c]");
  checkRank("depthwiseConv2d", "w", w!, 3, "[kh,kw,c]");
  const [n, height, width, channels] = x as [number, number, number, number];
  const [kh, kw, c] = w as [number, number, number];
  if (channels !== c)
    throw new ShapeError(
      `depthwiseConv2d: x ${formatShape(x!)} has ${channels} channels, w ${formatShape(w!)} expects ${c}`,
    );
  const [outHeight, outWidth] = windowOutput("depthwiseConv2d", [height, width], [kh, kw], stride, padding);
  return [[n, outHeight, outWidth, c]];
}

export function depthwiseConv2dInputGradientShape(
  [dy, w]: readonly Shape[],
  attributes: Sliding & InputShape,
): Shape[] {
  const [y] = depthwiseConv2dShape([attributes.inputShape, w!], attributes);
  if (!sameShape(y!, dy!))
    throw new ShapeError(`depthwiseConv2dInputGradient: dy must be ${formatShape(y!)}, got ${formatShape(dy!)}`);
  return [attributes.inputShape];
}

export function depthwiseConv2dFilterGradientShape([x, dy]: readonly Shape[], attributes: Pooling): Shape[] {
  const w = [...attributes.kernel, x![3]!];
  const [y] = depthwiseConv2dShape([x!, w], attributes);
  if (!sameShape(y!, dy!))
    throw new ShapeError(`depthwiseConv2dFilterGradient: dy must be ${formatShape(y!)}, got ${formatShape(dy!)}`);
  return [w];
}
