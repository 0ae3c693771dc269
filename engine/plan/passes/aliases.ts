import type { Layer, ValueId } from "../inference.ts";
import type { Pass } from "./pass.ts";

/**
 * Puts reshapes right behind what they read, which costs nothing: a shortcut under another shape is then known before
 * the layer that it is added behind.
 */
export const aliases: Pass = {
  name: "aliases",
  run: (graph) => {
    const readers = new Map<ValueId, Layer[]>();
    for (const layer of graph.layers) {
      if (layer.op !== "reshape") continue;
      const [input] = layer.inputs as [ValueId];
      readers.set(input, [...(readers.get(input) ?? []), layer]);
    }
    const reshapesOf = (id: ValueId): Layer[] =>
      (readers.get(id) ?? []).flatMap((layer) => [layer, ...reshapesOf(layer.output)]);
    const others = graph.layers.filter(({ op }) => op !== "reshape");
    const layers = [...reshapesOf(graph.input), ...others.flatMap((layer) => [layer, ...reshapesOf(layer.output)])];
    return readers.size === 0 ? graph : { ...graph, layers };
  },
};
