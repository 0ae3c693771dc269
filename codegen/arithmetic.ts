import type { InferenceGraph, ValueId } from "../engine/plan/inference.ts";
import type { ElementName } from "./element.ts";
import type { Emitters } from "./emit/emitter.ts";
import { emitters } from "./emit/emitters.ts";
import { roundNetworkWeights } from "./quantize/weight-only.ts";

/** int8-weights: float32, of which weights are stored as integers of 8 bits. */
export const precisions = ["float32", "int8", "int8-weights"] as const;

export type Precision = (typeof precisions)[number];

/** In which numbers a network is computed: how its values are stored, and the kernels that work on them. */
export interface Arithmetic {
  readonly precision: Precision;
  readonly emitters: Emitters;
  /** The numbers of an activation. */
  readonly elementOf: (value: ValueId) => ElementName;
}

export const float32Arithmetic: Arithmetic = { precision: "float32", emitters, elementOf: () => "float32" };
/** Of a network some of whose weights are cells in int8. */
export const int8WeightsArithmetic: Arithmetic = { ...float32Arithmetic, precision: "int8-weights" };

/** A network with the weights that its C has: rounded for "int8-weights". */
export function withWeightsOf(precision: Precision, graph: InferenceGraph): InferenceGraph {
  return precision === "int8-weights" ? roundNetworkWeights(graph) : graph;
}
