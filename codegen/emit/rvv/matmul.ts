import { productConvolution } from "../convolution.ts";
import { onlyWeights } from "../operands.ts";
import { weightPrices } from "../stored-weights.ts";
import type { VectorEmitter } from "./emitter.ts";
import { hasVectorEpilogue } from "./epilogue.ts";
import { emitVectorConvolution, floatTile } from "./register-tile.ts";

export const matmul: VectorEmitter<"matmul"> = {
  applies: ({ layer }) => layer.inputs.length === 1 && layer.weights.length === 1 && hasVectorEpilogue(layer.epilogue),
  estimate: ({ inputs, output, attributes, target, layer }) =>
    floatTile(productConvolution(inputs[0]!, output, attributes), target, weightPrices(layer)).instructions,
  emit: (call) => {
    const weights = onlyWeights(call, 1);
    const shape = productConvolution(call.inputs[0]!, call.output, call.attributes);
    const { inChannels: k, outChannels: n } = shape;
    return emitVectorConvolution(call, "matmul", shape, weights, (values, _row, _column, from, to) =>
      call.attributes.transposeB ? values[to * k + from]! : values[from * n + to]!,
    );
  },
};
