export { architectureCosts, type NetworkCosts } from "./cost.ts";
export type { EpilogueStep, InferenceGraph, Layer, Value, ValueId, Weights } from "./inference.ts";
export { deployedParameters, evaluationGraph, lowerGraph, lowerModel, type SlotValues } from "./lower.ts";
export { foldBatchNorms } from "./fold.ts";
export { inferenceToGraph } from "./record-inference.ts";
export { layerMacs, networkMacs } from "./macs.ts";
