import type { InferenceGraph } from "../../engine/plan/inference.ts";
import type { QuantizedGraph } from "./graph.ts";

/** A network of which every layer stays in float32, as the interpreter runs it. */
export function floatGraph({ values, layers, input, output }: InferenceGraph): QuantizedGraph {
  return {
    values: values.map((value) => ({ ...value, element: { type: "float32" } })),
    layers: layers.map((layer) => ({
      op: "float32",
      name: layer.name,
      inputs: layer.inputs,
      output: layer.output,
      layer,
    })),
    input,
    output,
  };
}
