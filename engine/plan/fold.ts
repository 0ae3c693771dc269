import { buildGraph, countUses, type Graph } from "../graph.ts";
import { batchNorm } from "../ops/normalize.ts";
import type { Attributes, OpName } from "../ops/vocabulary.ts";
import { constant, record, recordOne, type GraphNode, type OpNode } from "../record.ts";
import { Tensor } from "../tensor.ts";

/**
 * The same graph with batch norms of given statistics folded into the convolution or product before them:
 * w·γ/√(σ²+ε) and (b−μ)·γ/√(σ²+ε)+β are computed in the graph, from the slots. They depend on nothing else, so that a
 * back end may compute them when a slot is written instead of at each run.
 */
export function foldBatchNorms(graph: Graph): Graph {
  const uses = countUses(graph);
  const replaced = new Map<GraphNode, readonly Tensor[]>();
  const now = ({ node, output }: Tensor): Tensor => replaced.get(node)?.[output] ?? new Tensor(node, output);
  for (const node of graph.ops) {
    const folded = isOp(node, "batchNorm") ? fold(node, uses, now) : undefined;
    if (folded !== undefined) replaced.set(node, [folded]);
    else if (node.inputs.some((tensor) => replaced.has(tensor.node)))
      replaced.set(node, record(node.op, node.inputs.map(now), node.attributes));
  }
  if (replaced.size === 0) return graph;
  return buildGraph(
    Object.fromEntries(Object.entries(graph.outputs).map(([name, tensor]) => [name, now(tensor)])),
    graph.assigns.map(({ slot, value }) => ({ slot, value: now(value) })),
  );
}

function fold(
  norm: OpNode<"batchNorm">,
  uses: ReadonlyMap<GraphNode, number>,
  now: (tensor: Tensor) => Tensor,
): Tensor | undefined {
  const [x, ...given] = norm.inputs;
  const statistics = given as unknown as Statistics;
  const biased = uses.get(x!.node) === 1 && x!.node.kind === "op" && isOp(x!.node, "bias") ? x!.node : undefined;
  const product = biased ? biased.inputs[0]! : x!;
  const { node } = product;
  if (node.kind !== "op" || uses.get(node) !== 1 || !takesNorm(node)) return undefined;
  const [operand, weights] = node.inputs as [Tensor, Tensor];
  const [bias] = biased ? biased.inputs.slice(1) : [];
  if (![weights, bias, ...given].every((tensor) => tensor === undefined || isGiven(tensor))) return undefined;
  const { epsilon } = norm.attributes;
  const scaled = foldedWeights(weights, statistics, epsilon);
  return recordOne(node.op, [now(operand), scaled], node.attributes).bias(foldedBias(bias, statistics, epsilon));
}

/** μ, σ², and γ and β where there are such; all [c]. */
export type Statistics = readonly [mean: Tensor, variance: Tensor, gamma?: Tensor, beta?: Tensor];

const noShift = (mean: Tensor): Tensor => constant(new Float32Array(mean.shape[0]!));

/** w·γ/√(σ²+ε) of weights [...,c] */
export function foldedWeights(w: Tensor, [mean, variance, gamma]: Statistics, epsilon: number): Tensor {
  const zero = noShift(mean);
  return batchNorm(w, zero, variance, gamma && { gamma, beta: zero }, epsilon);
}

/** (b−μ)·γ/√(σ²+ε)+β of a bias [c], 0 where there is none */
export function foldedBias(b: Tensor | undefined, statistics: Statistics, epsilon: number): Tensor {
  const [mean, variance, gamma, beta] = statistics;
  return batchNorm(b ?? noShift(mean), mean, variance, gamma && beta && { gamma, beta }, epsilon);
}

/** Whether the channels of its result are the last axis of its weights. */
function takesNorm(node: OpNode): boolean {
  if (node.op === "matmul") return !(node.attributes as Attributes<"matmul">).transposeB;
  return node.op === "conv2d" || node.op === "depthwiseConv2d";
}

function isGiven({ node }: Tensor): boolean {
  return node.kind === "slot" || node.kind === "constant";
}

function isOp<K extends OpName>(node: OpNode, op: K): node is OpNode & OpNode<K> {
  return node.op === op;
}
