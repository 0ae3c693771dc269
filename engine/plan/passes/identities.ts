import type { Attributes } from "../../ops/vocabulary.ts";
import { sameShape } from "../../shape.ts";
import type { InferenceGraph, Layer, ValueId } from "../inference.ts";
import { readers, renamed, withRanges, type Pass } from "./pass.ts";

/** Leaves out layers that change nothing, and makes one of two reshapes or transposes in a row. */
export const identities: Pass = {
  name: "identities",
  run: (graph) => {
    const uses = readers(graph);
    const producers = new Map<ValueId, Layer>();
    const names = new Map<ValueId, ValueId>();
    const layers: Layer[] = [];
    const ranges = new Map(graph.ranges);
    for (const before of graph.layers) {
      const layer = joined({ ...before, inputs: before.inputs.map((id) => names.get(id) ?? id) }, producers, uses);
      const [input] = layer.inputs;
      if (
        input !== undefined &&
        input !== graph.input &&
        layer.output !== graph.output &&
        changesNothing(graph, layer)
      ) {
        names.set(layer.output, input);
        const range = ranges.get(input) ?? ranges.get(layer.output);
        if (range !== undefined) ranges.set(input, range);
        continue;
      }
      producers.set(layer.output, layer);
      layers.push(layer);
    }
    return renamed(withRanges(graph, ranges), layers, names);
  },
};

/** A layer that reads from the operand of the layer before it where two are as good as one. */
function joined(layer: Layer, producers: ReadonlyMap<ValueId, Layer>, uses: ReadonlyMap<ValueId, number>): Layer {
  const [input] = layer.inputs;
  const before = input === undefined ? undefined : producers.get(input);
  if (before?.op !== layer.op || before.epilogue.length > 0 || before.inputs.length !== 1) return layer;
  if (layer.op === "reshape") return { ...layer, inputs: before.inputs };
  if (layer.op !== "transpose" || uses.get(before.output) !== 1) return layer;
  const [first, second] = [before, layer].map(({ attributes }) => (attributes as Attributes<"transpose">).permutation);
  return { ...layer, inputs: before.inputs, attributes: { permutation: second!.map((axis) => first![axis]!) } };
}

function changesNothing({ values }: InferenceGraph, { op, inputs, output, attributes, epilogue }: Layer): boolean {
  if (epilogue.length > 0) return false;
  if (op === "reshape") return sameShape(values[inputs[0]!]!.shape, values[output]!.shape);
  return op === "transpose" && (attributes as Attributes<"transpose">).permutation.every((axis, at) => axis === at);
}
