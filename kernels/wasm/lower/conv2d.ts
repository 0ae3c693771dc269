import type { Shape } from "../../../engine/shape.ts";
import type { Lowering } from "../emitter.ts";
import { range } from "../../../engine/range.ts";
import { emitDepthwiseFilterGradient, emitDepthwiseForward, emitDepthwiseInputGradient } from "./depthwise-conv2d.ts";
import { emitFilterGradient } from "./filter-gradient.ts";
import { inputGradientPhases } from "./phases.ts";
import { emitProduct } from "./product.ts";
import { emitWinograd, emitWinogradFilterGradient, suitsWinograd, suitsWinogradSum } from "./winograd.ts";

type Image = readonly [n: number, rows: number, columns: number, channels: number];
type Kernel = readonly [height: number, width: number, inputs: number, outputs: number];

/** A 1×1 convolution does not see the shape of its images: they are one column of pixels. */
function flatten([n, rows, columns, channels]: Image): Image {
  return [1, n * rows * columns, 1, channels];
}

function isPointwise(kernel: Shape, stride: Shape, padding: Shape): boolean {
  return [kernel[0], kernel[1], ...stride].every((size) => size === 1) && padding.every((size) => size === 0);
}

/** A filter for every channel alone. */
function isDepthwise(x: Shape, y: Shape, groups: number): boolean {
  return groups > 1 && groups === x[3] && groups === y[3];
}

export const conv2d: Lowering<"conv2d"> = ({ inputs: [x, w], shapes: [y], attributes }, emit) => {
  const { stride, padding, dilation, groups } = attributes;
  const kernel = w!.shape as Kernel;
  const image = x!.shape as Image;
  const output = y as Image;
  if (isDepthwise(image, output, groups)) return emitDepthwiseForward(emit, image, kernel, output, attributes);
  if (suitsWinograd(emit, kernel, output, attributes))
    return emitWinograd(emit, image, output, { top: padding[0], left: padding[2], turned: false });
  const pointwise = isPointwise(kernel, stride, padding);
  const [images, rows, columns, channels] = pointwise ? flatten(image) : image;
  const [, yRows, yColumns, yChannels] = pointwise ? flatten(output) : output;
  const [height, width, inputs] = kernel;
  const weights = range(height * width * inputs).map((row) => row * yChannels);
  emitProduct(emit, {
    ...{ image: emit.input(0), images, rows, columns, channels, top: padding[0], left: padding[2], step: stride },
    ...{ y: emit.output(0), yRows, yColumns, yChannels, yStep: [1, 1], w: emit.input(1), wStep: 1 },
    ...{ spacing: dilation, groups, wGroupStep: yChannels / groups },
    phases: [{ rows: yRows, columns: yColumns, row: 0, column: 0, yRow: 0, yColumn: 0, height, width, weights }],
  });
};

export const conv2dInputGradient: Lowering<"conv2dInputGradient"> = (
  { inputs: [dy, w], shapes: [dx], attributes },
  emit,
) => {
  const { stride, padding, dilation, groups } = attributes;
  const kernel = w!.shape as Kernel;
  const image = dy!.shape as Image;
  const output = dx as Image;
  if (isDepthwise(image, output, groups)) return emitDepthwiseInputGradient(emit, image, kernel, output, attributes);
  if (suitsWinograd(emit, kernel, output, attributes))
    return emitWinograd(emit, image, output, { top: 2 - padding[0], left: 2 - padding[2], turned: true });
  const pointwise = isPointwise(kernel, stride, padding);
  const [images, rows, columns, channels] = pointwise ? flatten(image) : image;
  const [, yRows, yColumns, yChannels] = pointwise ? flatten(output) : output;
  const vertical = inputGradientPhases(yRows, kernel[0], stride[0], padding[0], dilation[0]);
  const horizontal = inputGradientPhases(yColumns, kernel[1], stride[1], padding[2], dilation[1]);
  const group = channels / groups;
  emitProduct(emit, {
    ...{ image: emit.input(0), images, rows, columns, channels, step: [1, 1] },
    ...{ top: vertical.border, left: horizontal.border, spacing: [vertical.spacing, horizontal.spacing] },
    ...{ y: emit.output(0), yRows, yColumns, yChannels, yStep: stride, w: emit.input(1), wStep: channels },
    ...{ groups, wGroupStep: group },
    phases: vertical.phases.flatMap((v) =>
      horizontal.phases.map((h) => ({
        ...{ rows: v.count, columns: h.count, row: v.start, column: h.start, yRow: v.first, yColumn: h.first },
        ...{ height: v.taps.length, width: h.taps.length },
        weights: v.taps.flatMap((ky) =>
          h.taps.flatMap((kx) => range(group).map((channel) => (ky * kernel[1] + kx) * kernel[2] * channels + channel)),
        ),
      })),
    ),
  });
};

export const conv2dFilterGradient: Lowering<"conv2dFilterGradient"> = ({ inputs: [x, dy], attributes }, emit) => {
  const { kernel, stride, padding, dilation, groups } = attributes;
  const image = x!.shape as Image;
  const gradient = dy!.shape as Image;
  if (isDepthwise(image, gradient, groups)) return emitDepthwiseFilterGradient(emit, image, gradient, attributes);
  if (suitsWinogradSum(emit, [...kernel, image[3], gradient[3]], gradient, attributes))
    return emitWinogradFilterGradient(emit, image, gradient, { top: padding[0], left: padding[2] });
  const pointwise = isPointwise(kernel, stride, padding);
  const [images, rows, columns, channels] = pointwise ? flatten(image) : image;
  const [, outRows, outColumns, outChannels] = pointwise ? flatten(gradient) : gradient;
  emitFilterGradient(emit, {
    ...{ image: emit.input(0), images, rows, columns, channels, top: padding[0], left: padding[2], step: stride },
    ...{ dy: emit.input(1), outRows, outColumns, outChannels, kernel, dw: emit.output(0), spacing: dilation, groups },
  });
};
