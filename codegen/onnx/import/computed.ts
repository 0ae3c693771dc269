import type { InferenceOp } from "../../../engine/ops/vocabulary.ts";
import type { ComputeOp } from "../../../engine/plan/passes/constant-folding.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import type { Operand } from "./call.ts";
import { staticOf, type Static } from "./static.ts";

/** What a node of constants alone gives. */
export function computed(output: Operand, compute: ComputeOp): Static {
  return output.kind === "static" ? output : staticOf("float", output.shape, valuesOf(output.natural(), compute));
}

function valuesOf({ node, shape }: Tensor, compute: ComputeOp): Float32Array {
  switch (node.kind) {
    case "constant":
      return node.data;
    case "slot":
      return node.slot.initial();
    case "op": {
      const operands = node.inputs.map((input) => ({ shape: input.shape, values: valuesOf(input, compute) }));
      return compute(node.op as InferenceOp, node.attributes as Parameters<ComputeOp>[1], operands, shape);
    }
    case "input":
      throw new Error(`${node.name} is no constant`);
  }
}
