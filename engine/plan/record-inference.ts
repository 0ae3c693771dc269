import { buildGraph, type Graph } from "../graph.ts";
import { constant, input, recordOne } from "../record.ts";
import type { Tensor } from "../tensor.ts";
import type { EpilogueStep, InferenceGraph, Layer, ValueId, Weights } from "./inference.ts";

export interface RecordInferenceOptions {
  /** Values that can be read besides the logits, each under its name. */
  readonly observed?: readonly ValueId[];
}

/** The lowered network as a graph of plain ops, so that every back end can run it: `images` → `logits`. */
export function inferenceToGraph(network: InferenceGraph, { observed = [] }: RecordInferenceOptions = {}): Graph {
  const values = new Map<ValueId, Tensor>([[network.input, input("images", network.values[network.input]!.shape)]]);
  for (const layer of network.layers) values.set(layer.output, recordLayer(layer, (id) => values.get(id)!).at(-1)!);
  return buildGraph({
    ...Object.fromEntries(observed.map((id) => [network.values[id]!.name, values.get(id)!])),
    logits: values.get(network.output)!,
  });
}

/** Records the layers of a network that takes x, with weights as `weights` gives them. */
export function recordInference(network: InferenceGraph, x: Tensor, weights: (table: Weights) => Tensor): Tensor {
  const values = new Map<ValueId, Tensor>([[network.input, x]]);
  for (const layer of network.layers)
    values.set(layer.output, recordLayer(layer, (id) => values.get(id)!, weights).at(-1)!);
  return values.get(network.output)!;
}

const asConstant = ({ values, shape }: Weights): Tensor => constant(values(), shape);

/**
 * What a layer computes from its inputs: the result of its op, then of each step of its epilogue.
 * @param before what a step takes in place of the result before it
 */
export function recordLayer(
  layer: Layer,
  value: (id: ValueId) => Tensor,
  weights = asConstant,
  before: (y: Tensor, step: number) => Tensor = (y) => y,
): Tensor[] {
  const apply = (y: Tensor, step: EpilogueStep): Tensor => {
    switch (step.kind) {
      case "bias":
        return y.bias(weights(step.weights));
      case "relu":
      case "gelu":
      case "sigmoid":
      case "hardSwish":
        return recordOne(step.kind, [y], {});
      case "unary":
        return recordOne("unary", [y], step.attributes);
      case "add":
        return y.add(value(step.value));
    }
  };
  const stages = [recordOne(layer.op, [...layer.inputs.map(value), ...layer.weights.map(weights)], layer.attributes)];
  for (const [at, step] of layer.epilogue.entries()) stages.push(apply(before(stages.at(-1)!, at), step));
  return stages;
}
