import type { Attributes } from "../../engine/ops/vocabulary.ts";
import type { Shape } from "../../engine/shape.ts";
import { plainAxis, slidingAxes, type Axis } from "./spans.ts";

/** A convolution, or a matrix product as a convolution with a 1×1 kernel over one row of pixels. */
export interface Convolution {
  readonly rows: Axis;
  readonly columns: Axis;
  /** Slices of the channels that are convolved each on its own. */
  readonly groups: number;
  /** Of one group. */
  readonly inChannels: number;
  readonly outChannels: number;
  /** Cells from one input pixel to the next in its row, from one row to the next, and from one channel to the next. */
  readonly pixelStep: number;
  readonly rowStep: number;
  readonly channelStep: number;
}

/**
 * @param w [kh,kw,ci/groups,co]
 * @param byRows rows are computed one by one: a 1×1 kernel over all pixels does not become one over a single row
 */
export function imageConvolution(
  [x, y]: readonly [x: Shape, y: Shape],
  w: Shape,
  sliding: Attributes<"conv2d">,
  { byRows = false } = {},
): Convolution {
  const { stride, padding, groups } = sliding;
  const [, height, width, channels] = x as [number, number, number, number];
  const [kernelHeight, kernelWidth, inChannels, outChannels] = w as [number, number, number, number];
  const flat = !byRows && [kernelHeight, kernelWidth, ...stride, ...padding].join() === "1,1,1,1,0,0,0,0";
  const steps = { groups, inChannels, outChannels: outChannels / groups, pixelStep: channels, channelStep: 1 };
  return flat
    ? { ...steps, rows: plainAxis(1), columns: plainAxis(height * width), rowStep: height * width * channels }
    : { ...steps, ...slidingAxes(x, y, [kernelHeight, kernelWidth], sliding), rowStep: width * channels };
}

/** A product with a trained matrix: a [m,k] (or [k,m] transposed), y [m,n]. */
export function productConvolution(a: Shape, y: Shape, { transposeA }: Attributes<"matmul">): Convolution {
  const [m, n] = y as [number, number];
  const k = a[transposeA ? 0 : 1]!;
  return {
    rows: plainAxis(1),
    columns: plainAxis(m),
    groups: 1,
    inChannels: k,
    outChannels: n,
    pixelStep: transposeA ? 1 : k,
    rowStep: m * k,
    channelStep: transposeA ? m : 1,
  };
}
