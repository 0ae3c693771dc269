import type { Graph } from "../graph.ts";
import type { Attributes, InferenceOp, OpName } from "../ops/vocabulary.ts";
import type { OpNode } from "../record.ts";
import { elementCount, type Shape } from "../shape.ts";
import type { InferenceGraph, Layer } from "./inference.ts";

/**
 * Multiply-accumulates of an op from the shapes of its inputs, weights among them, and of its outputs. Additions,
 * comparisons, pooling sums and normalisation are not counted.
 */
type MacRule<K extends OpName> = (
  inputs: readonly Shape[],
  outputs: readonly Shape[],
  attributes: Attributes<K>,
) => number;

const none = (): number => 0;
/** Of forward and of both gradients alike: every cell of the output times the window that it sees. */
const convolution = (y: Shape, w: Shape): number => elementCount(y.slice(0, 3)) * elementCount(w);
/** Products of every token with every other. */
const pairs = (x: Shape): number => elementCount(x) * x[1]!;
/** Products of every token with the matrix of its head, and with vectors. */
const headProducts = (x: Shape, heads: number, matrices: number, vectors: number): number =>
  elementCount(x) * ((matrices * x[2]!) / heads + vectors);

export const macRules: { readonly [K in InferenceOp]: MacRule<K> } = {
  conv2d: ([, w], [y]) => convolution(y!, w!),
  depthwiseConv2d: ([, w], [y]) => convolution(y!, w!),
  matmul: ([a], [y], { transposeA }) => elementCount(y!) * a![transposeA ? 0 : 1]!,
  batchMatmul: ([a], [y]) => elementCount(y!) * a![2]!,
  // scores and weighted sum
  attention: ([q]) => 2 * pairs(q!),
  // keys by values, queries by that, and the normaliser
  linearAttention: ([q], _, { heads }) => headProducts(q!, heads, 2, 1),
  bias: none,
  add: none,
  multiply: none,
  scale: none,
  relu: none,
  gelu: none,
  sigmoid: none,
  hardSwish: none,
  unary: none,
  binary: none,
  reduce: none,
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
  gather: none,
  pad: none,
  transpose: none,
};

const gradientRules: { readonly [K in Exclude<OpName, InferenceOp>]?: MacRule<K> } = {
  conv2dInputGradient: ([dy, w]) => convolution(dy!, w!),
  conv2dFilterGradient: ([, dy], [dw]) => convolution(dy!, dw!),
  depthwiseConv2dInputGradient: ([dy, w]) => convolution(dy!, w!),
  depthwiseConv2dFilterGradient: ([, dy], [dw]) => convolution(dy!, dw!),
  // the scores again, and two products for each of the forward ones
  attentionGradient: ([, q]) => 5 * pairs(q!),
  // keys by values and the normaliser again, and two products for each of the forward ones
  linearAttentionGradient: ([, q], _, { heads }) => headProducts(q!, heads, 5, 4),
};

const allRules: { readonly [K in OpName]?: MacRule<K> } = { ...macRules, ...gradientRules };

/** Whether an op consists of multiply-accumulates. */
export function isMultiplying(op: string): op is OpName {
  return (allRules[op as OpName] ?? none) !== none;
}

/** Multiply-accumulates of one op of a graph, gradients included. */
export function opMacs({ op, inputs, shapes, attributes }: OpNode): number {
  const rule = (allRules[op] ?? none) as MacRule<OpName>;
  return rule(
    inputs.map(({ shape }) => shape),
    shapes,
    attributes,
  );
}

/** Multiply-accumulates of one run. */
export function graphMacs({ ops }: Graph): number {
  return ops.reduce((sum, node) => sum + opMacs(node), 0);
}

export function layerMacs(graph: InferenceGraph, { op, inputs, weights, output, attributes }: Layer): number {
  const shapeOf = (id: number): Shape => graph.values[id]!.shape;
  const rule = macRules[op] as MacRule<InferenceOp>;
  return rule([...inputs.map(shapeOf), ...weights.map(({ shape }) => shape)], [shapeOf(output)], attributes);
}

/** Multiply-accumulates of one inference. */
export function networkMacs(graph: InferenceGraph): number {
  return graph.layers.reduce((sum, layer) => sum + layerMacs(graph, layer), 0);
}
