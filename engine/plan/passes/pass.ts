import type { InferenceGraph, Layer, StatedRanges, ValueId } from "../inference.ts";
import { operandsOf } from "../operands.ts";

/** A step from one form of a network to another that computes the same. */
export interface Pass {
  readonly name: string;
  /** Gives the same graph when there is nothing to do. */
  readonly run: (graph: InferenceGraph) => InferenceGraph;
}

/** How often each value is read; the network's output counts as read once more. */
export function readers({ layers, output }: InferenceGraph): ReadonlyMap<ValueId, number> {
  const counts = new Map<ValueId, number>([[output, 1]]);
  for (const layer of layers) for (const id of operandsOf(layer)) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

/** The same network with other stated ranges. */
export function withRanges(graph: InferenceGraph, ranges: StatedRanges): InferenceGraph {
  return graph.ranges === undefined ? graph : { ...graph, ranges };
}

/** The same layers with other names for the values that they read, and so for the network's output. */
export function renamed(
  graph: InferenceGraph,
  layers: readonly Layer[],
  names: ReadonlyMap<ValueId, ValueId>,
): InferenceGraph {
  const now = (id: ValueId): ValueId => {
    const name = names.get(id);
    return name === undefined ? id : now(name);
  };
  return {
    ...graph,
    layers: layers.map((layer) => ({
      ...layer,
      inputs: layer.inputs.map(now),
      epilogue: layer.epilogue.map((step) => (step.kind === "add" ? { ...step, value: now(step.value) } : step)),
    })),
    output: now(graph.output),
  };
}
