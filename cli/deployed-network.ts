import { type Precision, withWeightsOf } from "../codegen/arithmetic.ts";
import type { CodegenNetwork } from "../codegen/generate.ts";
import type { QuantizedGraph } from "../codegen/quantize/graph.ts";
import { lowerModel } from "../engine/plan/lower.ts";
import type { PassOptions } from "../engine/plan/passes/index.ts";
import { computeOp } from "../kernels/reference/index.ts";
import type { OpenedModel } from "./open-model.ts";

/** In which numbers a model is deployed. */
export interface Numbers {
  /** Default float32, or int8 where there are integers. */
  readonly precision?: Precision;
  /** The model in integers; for int8. */
  readonly quantized?: QuantizedGraph | undefined;
}

export function precisionOf({ precision, quantized }: Numbers): Precision {
  return precision ?? (quantized === undefined ? "float32" : "int8");
}

/** What of a model becomes C. @param observe is told of each pass */
export function networkOf(
  { model, values, name, classes, normalization }: OpenedModel,
  numbers: Numbers = {},
  observe: Pick<PassOptions, "observe"> = {},
): CodegenNetwork {
  const { quantized } = numbers;
  const graph = withWeightsOf(precisionOf(numbers), lowerModel(model, values, { ...observe, compute: computeOp }));
  return { graph, name, classes, normalization, ...(quantized && { quantized }) };
}
