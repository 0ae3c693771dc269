import type { Graph } from "../engine/graph.ts";
import type { Attributes, OpName } from "../engine/ops/vocabulary.ts";
import type { OpNode } from "../engine/record.ts";
import { elementCount, type Shape } from "../engine/shape.ts";

type MacRule = (shapes: readonly Shape[], outputs: readonly Shape[], node: OpNode) => number;

const attention: MacRule = ([q], _, { op }) => (op === "attention" ? 2 : 5) * elementCount(q!) * q![1]!;
const linearAttention: MacRule = ([q], _, { op, attributes }) => {
  const size = q![2]! / (attributes as Attributes<"linearAttention">).heads;
  return (op === "linearAttention" ? 2 : 5) * elementCount(q!) * size;
};
/** Of forward and of both gradients alike: every output cell times the window that it sees. */
const convolution = (cells: Shape, window: Shape): number => elementCount(cells.slice(0, 3)) * elementCount(window);

/** Multiply-accumulates of the ops that consist of them. */
const macRules: Partial<Record<OpName, MacRule>> = {
  conv2d: ([, w], [y]) => convolution(y!, w!),
  conv2dInputGradient: ([dy, w]) => convolution(dy!, w!),
  conv2dFilterGradient: ([, dy], [dw]) => convolution(dy!, dw!),
  depthwiseConv2d: ([, w], [y]) => convolution(y!, w!),
  depthwiseConv2dInputGradient: ([dy, w]) => convolution(dy!, w!),
  depthwiseConv2dFilterGradient: ([, dy], [dw]) => convolution(dy!, dw!),
  matmul: ([a, b], [y]) => Math.sqrt(elementCount(a!) * elementCount(b!) * elementCount(y!)),
  attention,
  attentionGradient: ([, q], outputs, node) => attention([q!], outputs, node),
  linearAttention,
  linearAttentionGradient: ([, q], outputs, node) => linearAttention([q!], outputs, node),
};

export function isMultiplying(op: string): op is OpName {
  return op in macRules;
}

/** Floating-point operations of one op, a multiply-accumulate counting as two; 0 for ops that do not consist of these. */
export function opFlops(node: OpNode): number {
  const shapes = node.inputs.map((tensor) => tensor.shape);
  return 2 * (macRules[node.op]?.(shapes, node.shapes, node) ?? 0);
}

/** Of one run. */
export function graphFlops(graph: Graph): number {
  return graph.ops.reduce((sum, node) => sum + opFlops(node), 0);
}
