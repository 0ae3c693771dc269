import { isActivation } from "../../ops/activation.ts";
import { add } from "../../ops/elementwise.ts";
import type { Attributes } from "../../ops/vocabulary.ts";
import type { EpilogueStep, InferenceGraph, Layer, ValueId, Weights } from "../inference.ts";
import { readers, renamed, withRanges, type Pass } from "./pass.ts";

/** Does biases, activations and sums of two branches to each cell of the layer before them, ere it is stored. */
export const epilogues: Pass = {
  name: "epilogues",
  run: (graph) => {
    const uses = readers(graph);
    const names = new Map<ValueId, ValueId>();
    const layers: Layer[] = [];
    const producers = new Map<ValueId, number>();
    const ranges = new Map(graph.ranges);
    const now = (id: ValueId): ValueId => names.get(id) ?? id;
    for (const layer of graph.layers) {
      const inputs = layer.inputs.map(now);
      const fused = fusion({ ...layer, inputs }, layer.inputs);
      if (fused !== undefined) {
        const { at, step } = fused;
        const { output } = layers[at]!;
        const last = layers[at]!.epilogue.at(-1);
        const joined = step.kind === "bias" && last?.kind === "bias" ? sumOf(last.weights, step.weights) : undefined;
        const epilogue = joined === undefined ? layers[at]!.epilogue : layers[at]!.epilogue.slice(0, -1);
        names.set(layer.output, output);
        const before = Array.from({ length: epilogue.length + 1 }, (_, stage) => ranges.get(output)?.[stage]);
        ranges.set(output, [...before, ranges.get(layer.output)?.[0]]);
        layers[at] = { ...layers[at]!, epilogue: [...epilogue, joined ? { kind: "bias", weights: joined } : step] };
        continue;
      }
      producers.set(layer.output, layers.length);
      layers.push({ ...layer, inputs });
    }
    return renamed(withRanges(graph, ranges), layers, names);

    /** The layer that a step can be fused behind; `read` are the names under which its inputs are read. */
    function fusion(layer: Layer, read: readonly ValueId[]): { at: number; step: EpilogueStep } | undefined {
      const step = stepOf(graph, layer);
      if (step !== undefined) {
        const at = behind(0);
        return at === undefined ? undefined : { at, step };
      }
      if (layer.op !== "add" || layer.inputs.length !== 2 || read[0] === read[1]) return undefined;
      const position = (input: number): number => producers.get(layer.inputs[input]!) ?? -1;
      const later = position(1) >= position(0) ? 1 : 0;
      const at = behind(later);
      return at === undefined ? undefined : { at, step: { kind: "add", value: layer.inputs[1 - later]! } };

      function behind(input: number): number | undefined {
        const at = producers.get(layer.inputs[input]!);
        const isAlias = at !== undefined && layers[at]!.op === "reshape";
        return uses.get(read[input]!) === 1 && !isAlias ? at : undefined;
      }
    }
  },
};

/** Two biases in a row are one. */
function sumOf(first: Weights, second: Weights): Weights {
  const { name, shape } = first;
  const [a, b] = [first.tensor, second.tensor];
  return {
    ...{ name, shape },
    values: () => {
      const added = second.values();
      return first.values().map((value, c) => value + added[c]!);
    },
    ...(a && b && { tensor: () => add(a(), b()) }),
  };
}

/** What a layer of one operand does to each cell. */
function stepOf(
  { values }: InferenceGraph,
  { op, inputs, output, weights, attributes }: Layer,
): EpilogueStep | undefined {
  if (isActivation(op)) return { kind: op };
  if (op === "unary") return { kind: "unary", attributes: attributes as Attributes<"unary"> };
  const [bias] = weights;
  const isBias = op === "bias" && inputs.length === 1 && weights.length === 1 && bias !== undefined;
  if (isBias && bias.shape[0] === values[output]!.shape.at(-1)) return { kind: "bias", weights: bias };
  return undefined;
}
