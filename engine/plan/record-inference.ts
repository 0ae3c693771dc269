import { buildGraph, type Graph } from "../graph.ts";
import { constant, input, recordOne } from "../record.ts";
import type { Tensor } from "../tensor.ts";
import type { EpilogueStep, InferenceGraph, ValueId, Weights } from "./inference.ts";

/** The lowered network as a graph of plain ops, so that every back end can run it: `images` → `logits`. */
export function inferenceToGraph(network: InferenceGraph): Graph {
  const values = new Map<ValueId, Tensor>([[network.input, input("images", network.values[network.input]!.shape)]]);
  const value = (id: ValueId): Tensor => values.get(id)!;
  const weights = ({ values: read, shape }: Weights): Tensor => constant(read(), shape);
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
  for (const layer of network.layers) {
    const y = recordOne(layer.op, [...layer.inputs.map(value), ...layer.weights.map(weights)], layer.attributes);
    values.set(layer.output, layer.epilogue.reduce(apply, y));
  }
  return buildGraph({ logits: value(network.output) });
}
