import { elementCount, type Shape } from "../shape.ts";
import type { InferenceOp } from "../ops/vocabulary.ts";
import type { InferenceGraph, Layer } from "./inference.ts";

/** Multiply-accumulates of one layer. Additions, comparisons, pooling sums and normalisation are not counted. */
type MacRule<K extends InferenceOp> = (layer: Layer<K>, output: Shape, inputs: readonly Shape[]) => number;

const none = (): number => 0;
const weightsOf = (layer: Layer): Shape => layer.weights[0]!.shape;

export const macRules: { readonly [K in InferenceOp]: MacRule<K> } = {
  conv2d: (layer, output) => elementCount(output.slice(0, 3)) * elementCount(weightsOf(layer)),
  depthwiseConv2d: (layer, output) => elementCount(output.slice(0, 3)) * elementCount(weightsOf(layer)),
  matmul: (layer, output, [a]) => elementCount(output) * (layer.attributes.transposeA ? a![0]! : a![1]!),
  // scores and weighted sum: 2 · tokens² · heads · d
  attention: (_, [n, tokens, channels]) => 2 * n! * tokens! * tokens! * channels!,
  // keys by values, queries by that, and the normaliser
  linearAttention: (layer, [n, tokens, channels]) =>
    n! * tokens! * channels! * ((2 * channels!) / layer.attributes.heads + 1),
  bias: none,
  add: none,
  multiply: none,
  scale: none,
  relu: none,
  gelu: none,
  sigmoid: none,
  hardSwish: none,
  softmax: none,
  batchNorm: none,
  layerNorm: none,
  maxPool: none,
  averagePool: none,
  mixPool: none,
  globalAveragePool: none,
  reshape: none,
  concat: none,
  slice: none,
  pad: none,
  transpose: none,
};

export function layerMacs(graph: InferenceGraph, layer: Layer): number {
  const shapeOf = (id: number): Shape => graph.values[id]!.shape;
  const rule = macRules[layer.op] as MacRule<InferenceOp>;
  return rule(layer, shapeOf(layer.output), layer.inputs.map(shapeOf));
}

/** Multiply-accumulates of one inference. */
export function networkMacs(graph: InferenceGraph): number {
  return graph.layers.reduce((sum, layer) => sum + layerMacs(graph, layer), 0);
}
