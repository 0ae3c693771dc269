import type { Graph } from "../../engine/graph.ts";
import type { OpName } from "../../engine/ops/vocabulary.ts";
import type { OpNode } from "../../engine/record.ts";
import { Tensor } from "../../engine/tensor.ts";
import type { Emitter, Lowering } from "./emitter.ts";
import { batchNormRelu, batchNormTrainingRelu, batchNormTrainingReluGradient } from "./lower/batch-norm.ts";
import { inPlace, lowerings } from "./lowerings.ts";

/** What the planner places and lowers at a time: one op, or several that run as one. */
export interface Unit {
  /** Names of its ops. */
  readonly name: string;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /** Outputs that may take the place of an input. */
  readonly inPlace: readonly (readonly [output: number, input: number])[];
  readonly lower: (emit: Emitter) => void;
}

/**
 * Joins batch normalisation with the relu behind it, and their gradients: the memory between them is neither written
 * nor read. Values that something else reads stay apart. Reshapes are aliases and give no unit.
 */
export function fuse(graph: Graph): Unit[] {
  const uses = countUses(graph);
  const replaced = new Set<OpNode>();
  const units = new Map<OpNode, Unit>();
  for (const node of graph.ops) {
    if (node.op === "relu") joinForward(node, uses, replaced, units);
    if (isOp(node, "batchNormTrainingGradient")) joinBackward(node, uses, replaced, units);
  }
  return graph.ops
    .filter((node) => node.op !== "reshape" && !replaced.has(node))
    .map((node) => units.get(node) ?? single(node));
}

function single(node: OpNode): Unit {
  const { op } = node;
  if (op === "reshape") throw new TypeError("a reshape is an alias");
  return {
    name: op,
    inputs: node.inputs,
    outputs: outputsOf(node),
    inPlace: inPlace[op] ?? [],
    lower: (emit) => (lowerings[op] as Lowering<OpName>)(node, emit),
  };
}

/** relu(batchNorm(x)) */
function joinForward(relu: OpNode, uses: Uses, replaced: Set<OpNode>, units: Map<OpNode, Unit>): void {
  const norm = relu.inputs[0]!;
  const { node } = norm;
  if (node.kind !== "op" || norm.output !== 0 || uses(norm) !== 1) return;
  const y = new Tensor(relu, 0);
  const lower = isOp(node, "batchNorm")
    ? (emit: Emitter) => batchNormRelu(node, emit)
    : isOp(node, "batchNormTraining")
      ? (emit: Emitter) => batchNormTrainingRelu(node, emit)
      : undefined;
  if (lower === undefined) return;
  const outputs = [y, ...outputsOf(node).slice(1)];
  units.set(node, { name: `${node.op}+relu`, inputs: node.inputs, outputs, inPlace: [[0, 0]], lower });
  replaced.add(relu);
}

/** batchNormTrainingGradient(reluGradient(relu(batchNormTraining(x)), dy), x, …) */
function joinBackward(
  node: OpNode<"batchNormTrainingGradient">,
  uses: Uses,
  replaced: Set<OpNode>,
  units: Map<OpNode, Unit>,
): void {
  const [masked, x, mean, variance, gamma] = node.inputs;
  const mask = masked!.node;
  if (mask.kind !== "op" || mask.op !== "reluGradient" || uses(masked!) !== 1) return;
  const [y, dy] = mask.inputs;
  const relu = y!.node;
  if (relu.kind !== "op" || relu.op !== "relu") return;
  const forward = relu.inputs[0]!.node;
  if (forward.kind !== "op" || !isOp(forward, "batchNormTraining") || relu.inputs[0]!.output !== 0) return;
  const [, forwardGamma, beta] = forward.inputs;
  const same = (a: Tensor | undefined, b: Tensor | undefined): boolean =>
    a?.node === b?.node && a?.output === b?.output;
  if (
    !same(x, forward.inputs[0]) ||
    !same(mean, new Tensor(forward, 1)) ||
    !same(variance, new Tensor(forward, 2)) ||
    !same(gamma, forwardGamma) ||
    node.attributes.epsilon !== forward.attributes.epsilon
  )
    return;
  units.set(node, {
    name: "reluGradient+batchNormTrainingGradient",
    inputs: [dy!, x!, mean!, variance!, ...(gamma && beta ? [gamma, beta] : [])],
    outputs: outputsOf(node),
    inPlace: inPlace.batchNormTrainingGradient ?? [],
    lower: (emit) => batchNormTrainingReluGradient(node, emit),
  });
  replaced.add(mask);
}

type Uses = (tensor: Tensor) => number;

function countUses(graph: Graph): Uses {
  const counts = new Map<Tensor["node"], number[]>();
  const use = ({ node, output }: Tensor): void => {
    const found = counts.get(node) ?? [];
    found[output] = (found[output] ?? 0) + 1;
    counts.set(node, found);
  };
  for (const { inputs } of graph.ops) inputs.forEach(use);
  for (const tensor of Object.values(graph.outputs)) use(tensor);
  for (const { value } of graph.assigns) use(value);
  return ({ node, output }) => counts.get(node)?.[output] ?? 0;
}

function outputsOf(node: OpNode): Tensor[] {
  return node.shapes.map((_, output) => new Tensor(node, output));
}

function isOp<K extends OpName>(node: OpNode, op: K): node is OpNode & OpNode<K> {
  return node.op === op;
}
