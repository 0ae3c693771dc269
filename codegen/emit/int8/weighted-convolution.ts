import { imageConvolution, kernelWeights, productConvolution, type Convolution } from "../convolution.ts";
import type { IntegerShapes } from "./emitter.ts";

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
}: IntegerShapes<"conv2d" | "matmul">): WeightedConvolution {
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
