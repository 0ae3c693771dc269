import type { ComputeOp } from "../../engine/plan/passes/constant-folding.ts";
import { elementCount } from "../../engine/shape.ts";
import { kernels, type ReferenceKernel } from "./kernels.ts";

/** One op with one output, in float32: for constants of a network that is lowered. */
export const computeOp: ComputeOp = (op, attributes, operands, shape) => {
  const output = new Float32Array(elementCount(shape));
  (kernels[op] as ReferenceKernel<typeof op>)({
    outputs: [output],
    inputs: operands.map(({ values }) => values),
    outputShapes: [shape],
    inputShapes: operands.map((operand) => operand.shape),
    attributes,
  });
  return output;
};
