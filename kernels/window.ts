import type { Padding, Pair, Shape } from "../engine/shape.ts";

/** Sizes of a window that slides over an NHWC image. */
export interface WindowSizes {
  readonly n: number;
  readonly height: number;
  readonly width: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideY: number;
  readonly strideX: number;
  readonly top: number;
  readonly left: number;
  readonly dilationY: number;
  readonly dilationX: number;
}

/** x [n,height,width,…], y [n,outHeight,outWidth,…] */
export function windowSizes(
  x: Shape,
  y: Shape,
  kernel: Shape,
  {
    stride,
    padding,
    dilation = [1, 1],
  }: { readonly stride: Pair; readonly padding: Padding; readonly dilation?: Pair },
): WindowSizes {
  return {
    n: x[0],
    height: x[1],
    width: x[2],
    outHeight: y[1],
    outWidth: y[2],
    kernelHeight: kernel[0],
    kernelWidth: kernel[1],
    strideY: stride[0],
    strideX: stride[1],
    top: padding[0],
    left: padding[2],
    dilationY: dilation[0],
    dilationX: dilation[1],
  };
}
