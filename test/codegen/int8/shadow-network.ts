import type { CodegenNetwork } from "../../../codegen/index.ts";
import type { QuantizedGraph } from "../../../codegen/quantize/graph.ts";
import type { InferenceGraph } from "../../../engine/plan/inference.ts";

/** A network that exists in integers alone, for `generate`, which counts the products of the float one. */
export function shadowNetwork(quantized: QuantizedGraph): Pick<CodegenNetwork, "graph" | "quantized"> {
  const { values, input, output } = quantized;
  const graph: InferenceGraph = { values, layers: [], input, output };
  return { graph, quantized };
}
