import { productConvolution } from "../convolution.ts";
import { onlyWeights } from "../operands.ts";
import { convolutionInstructions, emitConvolution } from "./convolution.ts";
import type { VectorEmitter } from "./emitter.ts";
import { hasVectorEpilogue } from "./epilogue.ts";

export const matmul: VectorEmitter<"matmul"> = {
  applies: ({ layer }) => layer.inputs.length === 1 && layer.weights.length === 1 && hasVectorEpilogue(layer.epilogue),
  estimate: (shapes) =>
    convolutionInstructions(shapes, productConvolution(shapes.inputs[0]!, shapes.output, shapes.attributes)),
  emit: (call) => {
    const weights = onlyWeights(call, 1);
    const shape = productConvolution(call.inputs[0]!, call.output, call.attributes);
    const { inChannels: k, outChannels: n } = shape;
    return emitConvolution(call, "matmul", shape, weights, (values, _row, _column, from, to) =>
      call.attributes.transposeB ? values[to * k + from]! : values[from * n + to]!,
    );
  },
};
