import type { OpName } from "../../engine/ops/vocabulary.ts";
import type { GraphNode, OpNode } from "../../engine/record.ts";

/** Updates of slots that differ in nothing but the slot: they run as one, over all elements. */
export interface UpdateGroup {
  readonly members: readonly OpNode[];
  /** So many inputs, from the first on, have a value per element; the others are shared. */
  readonly perElement: number;
}

const perElement: { readonly [K in OpName]?: number } = {
  adamW: 4,
  sgd: 3,
  movingAverage: 2,
  exponentialMovingAverage: 2,
};

/** The updates that nothing but updates and the end of the step wait for, in an order in which they can run. */
export function groupUpdates(ops: readonly OpNode[]): UpdateGroup[] {
  const others = new Set<GraphNode>();
  const updates: OpNode[] = [];
  for (const node of ops.toReversed())
    if (perElement[node.op] !== undefined && !others.has(node)) updates.unshift(node);
    else for (const { node: before } of node.inputs) others.add(before);

  const depths = new Map<GraphNode, number>();
  const groups = new Map<string, OpNode[]>();
  for (const node of updates) {
    const depth = 1 + Math.max(...node.inputs.map((input) => depths.get(input.node) ?? 0));
    depths.set(node, depth);
    const shared = node.inputs.slice(perElement[node.op]).map(({ node, output }) => `${node.id}.${output}`);
    const key = JSON.stringify([depth, node.op, node.attributes, shared]);
    groups.set(key, [...(groups.get(key) ?? []), node]);
  }
  return [...groups.values()]
    .sort(([a], [b]) => depths.get(a!)! - depths.get(b!)!)
    .map((members) => ({ members, perElement: perElement[members[0]!.op]! }));
}
