import type { InferenceGraph, Layer } from "../engine/plan/inference.ts";
import type { Precision } from "./arithmetic.ts";
import { integerArithmetic } from "./emit/int8/arithmetic.ts";
import { integersOf, type CodegenNetwork } from "./generate.ts";

/**
 * The layers that generated C computes, in the order of its plan, to be told to people: in integers those of the plan,
 * each as what it is in float32.
 */
export function deployedGraph(network: CodegenNetwork, precision: Precision): InferenceGraph {
  const { graph } = network;
  const quantized = integersOf(network, precision);
  if (quantized === undefined) return graph;
  const deployed = integerArithmetic(quantized).graph;
  const names = new Set(deployed.layers.map(({ name }) => name));
  const floats = new Map(graph.layers.map((layer) => [layer.name, layer]));
  const layers = deployed.layers.map((layer): Layer => {
    const float = floats.get(layer.name);
    return float === undefined ? layer : { ...layer, ...described(float, layer, names) };
  });
  return { ...deployed, layers };
}

/** What the float layer says of the planned one, whose operands stay. */
function described(
  float: Layer,
  { epilogue }: Layer,
  names: ReadonlySet<string>,
): Pick<Layer, "op" | "attributes" | "weights" | "epilogue"> {
  const { op, attributes, weights } = float;
  // Steps from which on the quantiser made a layer of its own carry its name.
  const split = float.epilogue.findIndex(({ kind }, at) => names.has(`${float.name}.${kind}${at}`));
  const steps = split < 0 ? float.epilogue : float.epilogue.slice(0, split);
  const summands = epilogue.filter(({ kind }) => kind === "add");
  return {
    ...{ op, attributes, weights },
    epilogue: steps.flatMap((step) => (step.kind === "add" ? summands.splice(0, 1) : [step])),
  };
}
