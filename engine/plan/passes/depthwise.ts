import type { Attributes } from "../../ops/vocabulary.ts";
import type { InferenceGraph, Layer } from "../inference.ts";
import type { Pass } from "./pass.ts";

/** A convolution with a group per channel is a depthwise one. */
export const depthwise: Pass = {
  name: "depthwise convolutions",
  run: (graph) => ({ ...graph, layers: graph.layers.map((layer) => asDepthwise(graph, layer)) }),
};

function asDepthwise({ values }: InferenceGraph, layer: Layer): Layer {
  const [weights] = layer.weights;
  if (layer.op !== "conv2d" || weights === undefined) return layer;
  const { groups, ...dilated } = layer.attributes as Attributes<"conv2d">;
  const channels = values[layer.output]!.shape[3]!;
  if (groups === 1 || groups !== channels || groups !== values[layer.inputs[0]!]!.shape[3]) return layer;
  const [height, width] = weights.shape as [number, number, number, number];
  const shape = [height, width, channels];
  const { tensor } = weights;
  return {
    ...layer,
    op: "depthwiseConv2d",
    attributes: dilated,
    weights: [{ ...weights, shape, ...(tensor && { tensor: () => tensor().reshape(shape) }) }],
  };
}
