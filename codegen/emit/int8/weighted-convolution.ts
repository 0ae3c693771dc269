import { imageConvolution, kernelWeights, productConvolution, type Convolution } from "../convolution.ts";
import { int8Input, largestCell, oncePerLayer, type IntegerShapes } from "./emitter.ts";

export type ConvolutionOp = "conv2d" | "matmul";

/** A convolution with its weights. */
export interface WeightedConvolution {
  readonly shape: Convolution;
  /** The weight of [row, column, input channel of the group, channel]. */
  readonly at: (row: number, column: number, inChannel: number, outChannel: number) => number;
}

/** The convolution that a layer with a trained matrix or kernel is. */
export function weightedConvolution({
  layer,
  inputs,
  output,
  turn,
}: IntegerShapes<ConvolutionOp>): WeightedConvolution {
  const { weights, weightShape } = layer;
  if (layer.op === "matmul") {
    const shape = productConvolution(inputs[0]!, output, layer.attributes);
    const { inChannels: k, outChannels: n } = shape;
    const { transposeB } = layer.attributes;
    return { shape, at: (_row, _column, from, to) => weights[transposeB ? to * k + from : from * n + to]! };
  }
  const weightAt = kernelWeights(weightShape);
  return {
    shape: imageConvolution([inputs[0]!, output], weightShape, layer.attributes, { byRows: turn !== null }),
    at: (...position) => weightAt(weights, ...position),
  };
}

/** The largest |x| · Σ|w| of a channel for cells x as they are stored, the zero point among them. */
export const largestSum = oncePerLayer((shapes: IntegerShapes<ConvolutionOp>): number => {
  const { shape, at } = weightedConvolution(shapes);
  const { rows, columns, groups, inChannels, outChannels } = shape;
  let largest = 0;
  for (let channel = 0; channel < groups * outChannels; channel++) {
    let sum = 0;
    for (let row = 0; row < rows.kernel; row++)
      for (let column = 0; column < columns.kernel; column++)
        for (let from = 0; from < inChannels; from++) sum += Math.abs(at(row, column, from, channel));
    largest = Math.max(largest, sum);
  }
  const x = int8Input(shapes);
  return largest * Math.max(largestCell(x), Math.abs(x.zero));
});

/**
 * What a zero point takes from the sums of a channel, one function for each set of taps; undefined where it takes
 * nothing.
 */
export function zeroPointCorrections(
  { shape: { inChannels }, at }: WeightedConvolution,
  zero: number,
  taps: readonly (readonly (readonly [row: number, column: number])[])[],
): ((channel: number) => number)[] | undefined {
  if (zero === 0) return undefined;
  return taps.map((existing) => (channel) => {
    let sum = 0;
    for (const [row, column] of existing)
      for (let from = 0; from < inChannels; from++) sum += at(row, column, from, channel);
    return -zero * sum;
  });
}
