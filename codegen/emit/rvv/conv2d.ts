import { imageConvolution, kernelWeights, type Convolution } from "../convolution.ts";
import type { LayerShapes } from "../emitter.ts";
import { onlyWeights } from "../operands.ts";
import { slidingRows } from "../rows.ts";
import { convolutionInstructions, emitConvolution } from "./convolution.ts";
import type { VectorEmitter } from "./emitter.ts";
import { hasVectorEpilogue } from "./epilogue.ts";

/** @throws ConfigError when the weights are computed */
function convolutionOf(shapes: LayerShapes<"conv2d">): Convolution {
  const { shape } = onlyWeights(shapes, 1);
  return imageConvolution([shapes.inputs[0]!, shapes.output], shape, shapes.attributes, {
    byRows: shapes.turn !== null,
  });
}

export const conv2d: VectorEmitter<"conv2d"> = {
  applies: ({ layer }) => layer.inputs.length === 1 && hasVectorEpilogue(layer.epilogue),
  windows: (shapes) => [slidingRows(convolutionOf({ ...shapes, turn: 1 }).rows)],
  estimate: (shapes) => convolutionInstructions(shapes, convolutionOf(shapes)),
  emit: (call) => {
    const weights = onlyWeights(call, 1);
    return emitConvolution(call, "conv2d", convolutionOf(call), weights, kernelWeights(weights.shape));
  },
};
