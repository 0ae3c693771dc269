import type { ValueId } from "../inference.ts";
import { operandsOf } from "../operands.ts";
import type { Pass } from "./pass.ts";

/** Leaves out layers whose results nobody reads. */
export const deadCode: Pass = {
  name: "dead code",
  run: (graph) => {
    const read = new Set<ValueId>([graph.output]);
    const layers = [...graph.layers].reverse().filter((layer) => {
      if (!read.has(layer.output)) return false;
      for (const id of operandsOf(layer)) read.add(id);
      return true;
    });
    return { ...graph, layers: layers.reverse() };
  },
};
