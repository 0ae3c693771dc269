import { productConvolution } from "../convolution.ts";
import { widenedScratch } from "./conv2d.ts";
import { int8Input, type IntegerEmitter, type IntegerShapes } from "./emitter.ts";
import { emitConvolution, type WeightedConvolution } from "./register-tile.ts";

export function convolutionOf({ layer, inputs, output }: IntegerShapes<"matmul">): WeightedConvolution {
  const { weights, attributes } = layer;
  const shape = productConvolution(inputs[0]!, output, attributes);
  const { inChannels: k, outChannels: n } = shape;
  return { shape, at: (_row, _column, from, to) => weights[attributes.transposeB ? to * k + from : from * n + to]! };
}

export const matmul: IntegerEmitter<"matmul"> = {
  scratch: (shapes) => widenedScratch(shapes, convolutionOf(shapes)),
  emit: (call) => emitConvolution(call, "matmul", convolutionOf(call), int8Input(call)),
};
