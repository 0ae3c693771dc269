import type { Emitter, LayerShapes } from "./emitter.ts";
import { onlyWeights } from "./operands.ts";
import { emitConvolution, estimateConvolution, type Convolution } from "./register-tile.ts";
import { extentOf, plainAxis } from "./spans.ts";
import { emitWinograd, winogradOf, winogradScratch, type Winograd } from "./winograd.ts";

/** @throws ConfigError when the weights are computed */
function convolutionOf(shapes: LayerShapes<"conv2d">): Convolution {
  const weights = onlyWeights(shapes, 1);
  const { stride, padding, dilation, groups } = shapes.attributes;
  const [, height, width, channels] = shapes.inputs[0] as [number, number, number, number];
  const [, outHeight, outWidth, allOutChannels] = shapes.output as [number, number, number, number];
  const [kernelHeight, kernelWidth, inChannels] = weights.shape as [number, number, number, number];
  const pointwise = kernelHeight === 1 && kernelWidth === 1;
  const flat = shapes.turn === null && pointwise && [...stride, ...padding].join() === "1,1,0,0,0,0";
  const outChannels = allOutChannels / groups;
  const steps = { groups, inChannels, outChannels, pixelStep: channels, channelStep: 1 };
  if (flat)
    return {
      ...steps,
      rows: plainAxis(1),
      columns: plainAxis(height * width),
      rowStep: height * width * channels,
    };
  return {
    ...steps,
    rows: {
      ...{ input: height, output: outHeight, kernel: kernelHeight },
      ...{ stride: stride[0], dilation: dilation[0], padding: padding[0] },
    },
    columns: {
      ...{ input: width, output: outWidth, kernel: kernelWidth },
      ...{ stride: stride[1], dilation: dilation[1], padding: padding[2] },
    },
    rowStep: width * channels,
  };
}

/** The layer in Winograd's form where the plan asks for it and it takes fewer instructions. */
function chosenWinograd(shapes: LayerShapes<"conv2d">): Winograd | undefined {
  const winograd = shapes.schedule.plan === "winograd" && shapes.turn === null ? winogradOf(shapes) : undefined;
  if (winograd === undefined) return undefined;
  return winograd.instructions < estimateConvolution(convolutionOf(shapes), shapes.target) ? winograd : undefined;
}

export const conv2d: Emitter<"conv2d"> = {
  scratch: (shapes) => {
    const winograd = chosenWinograd(shapes);
    return winograd === undefined ? [] : winogradScratch(winograd);
  },
  window: (shapes) => {
    if (shapes.layer.inputs.length !== 1) return undefined;
    const { rows } = convolutionOf({ ...shapes, turn: 1 });
    return { kernel: extentOf(rows), stride: rows.stride, padding: rows.padding };
  },
  estimate: (shapes) =>
    chosenWinograd(shapes)?.instructions ?? estimateConvolution(convolutionOf(shapes), shapes.target),
  emit: (call) => {
    const winograd = chosenWinograd(call);
    if (winograd !== undefined) return emitWinograd(call, winograd);
    const weights = onlyWeights(call, 1);
    const [, kernelWidth, inChannels, allOutChannels] = weights.shape as [number, number, number, number];
    return emitConvolution(
      call,
      "conv2d",
      convolutionOf(call),
      weights,
      (values, row, column, inChannel, outChannel) =>
        values[((row * kernelWidth + column) * inChannels + inChannel) * allOutChannels + outChannel]!,
    );
  },
};
