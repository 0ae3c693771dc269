import { ConfigError } from "../../engine/errors.ts";
import type { InferenceGraph, Layer, ValueId, Weights } from "../../engine/plan/inference.ts";
import { accumulates, unitsOf } from "./accumulators.ts";
import { canonicalLayer } from "./canonical.ts";
import { chooseElements } from "./elements.ts";
import type { Int8Element } from "./graph.ts";
import { splitEpilogue, type Ranged } from "./ranges.ts";
import { hasIntegers } from "./rows.ts";
import { endsInTable, takesTable } from "./steps.ts";
import { leastFactor, valuesOf } from "./weights.ts";

export interface QuantizeOptions {
  /** Names of layers that stay in float32; those of an op that has no integers do so by themselves. */
  readonly keepFloat?: readonly string[];
}

/** Where a network is rounded: what its layers are in integers, before there are any. */
export interface QuantizationPlan {
  /** With the layers that there will be: what cannot be fused is a layer of its own, trained operands are values. */
  readonly ranged: Ranged;
  /** The trained operands. */
  readonly constants: ReadonlyMap<ValueId, Weights>;
  readonly elements: ReadonlyMap<ValueId, Int8Element>;
  readonly inFloat: (layer: Layer) => boolean;
  /** Values that are given as sums, neither rounded nor held to a range: logits. */
  readonly wide: ReadonlySet<ValueId>;
}

/** @throws ConfigError for a name that no layer has */
export function planQuantization(ranged: Ranged, { keepFloat = [] }: QuantizeOptions = {}): QuantizationPlan {
  const names = ranged.network.layers.map(({ name }) => name);
  for (const name of keepFloat)
    if (!names.includes(name))
      throw new ConfigError(`int8: no layer is named ${name}; the layers are ${names.join(", ")}`);
  const kept = new Set(keepFloat);
  const inFloat = (layer: Layer): boolean => kept.has(layer.name) || !hasIntegers(layer);
  const { network } = ranged;
  const layers = network.layers.map((layer) => (kept.has(layer.name) ? layer : canonicalLayer(layer, network)));

  let split = splitWhatCannotFuse({ ...ranged, network: { ...network, layers } }, inFloat);
  for (;;) {
    const lifted = liftConstants(split, inFloat);
    const wide = wideOutputs(lifted.ranged.network, inFloat);
    const elements = chooseElements(lifted.ranged, inFloat, wide);
    const finer = splitFineSum(split, inFloat, (id) => elements.get(id)!.scale);
    if (finer === undefined) return { ...lifted, elements, inFloat, wide };
    split = splitWhatCannotFuse(finer, inFloat);
  }
}

/** Layers whose cells are no sums have no epilogue. */
function splitWhatCannotFuse(ranged: Ranged, inFloat: (layer: Layer) => boolean): Ranged {
  const layer = ranged.network.layers.find(
    (each) => each.epilogue.length > 0 && !accumulates(each.op) && !inFloat(each),
  );
  return layer === undefined ? ranged : splitWhatCannotFuse(splitEpilogue(ranged, layer, 0), inFloat);
}

/** A summand whose unit is hardly coarser than that of the accumulator would lose too much to a whole factor. */
function splitFineSum(
  ranged: Ranged,
  inFloat: (layer: Layer) => boolean,
  scaleOf: (id: ValueId) => number,
): Ranged | undefined {
  const { network } = ranged;
  for (const layer of network.layers) {
    if (layer.weights.length === 0 || !accumulates(layer.op) || inFloat(layer)) continue;
    const step = layer.epilogue.findIndex(
      (each, at) =>
        each.kind === "add" &&
        !layer.epilogue.slice(0, at).some((before) => takesTable(before)) &&
        unitsOf(layer, scaleOf, network).some((unit) => scaleOf(each.value) / unit < leastFactor - 0.5),
    );
    if (step >= 0) return splitEpilogue(ranged, layer, step);
  }
  return undefined;
}

const takesConstants: ReadonlySet<string> = new Set(["add", "multiply", "concat", "batchMatmul"]);

/** Trained operands of ops that take activations become values. */
function liftConstants(
  ranged: Ranged,
  inFloat: (layer: Layer) => boolean,
): Pick<QuantizationPlan, "ranged" | "constants"> {
  const constants = new Map<ValueId, Weights>();
  const { network } = ranged;
  const values = [...network.values];
  const ranges = new Map(ranged.values);
  const layers = network.layers.map((layer) => {
    if (!takesConstants.has(layer.op) || inFloat(layer)) return layer;
    const ids = layer.weights.map((weights) => {
      const id = values.length;
      values.push({ id, name: `${layer.name}.${weights.name}`, shape: weights.shape });
      constants.set(id, weights);
      const cells = valuesOf(weights);
      ranges.set(id, { least: Math.min(...cells), largest: Math.max(...cells) });
      return id;
    });
    return { ...layer, inputs: [...layer.inputs, ...ids], weights: [] };
  });
  return { ranged: { ...ranged, network: { ...network, values, layers }, values: ranges }, constants };
}

/** The output and what is only another shape of it, where sums can be given as they are: logits. */
function wideOutputs({ layers, output }: InferenceGraph, inFloat: (layer: Layer) => boolean): ReadonlySet<ValueId> {
  const producers = new Map(layers.map((layer) => [layer.output, layer]));
  const readers = (id: ValueId): number =>
    layers.reduce(
      (sum, { inputs, epilogue }) =>
        sum +
        inputs.filter((each) => each === id).length +
        epilogue.filter((step) => step.kind === "add" && step.value === id).length,
      0,
    );
  const wide = new Set<ValueId>();
  for (let id = output, allowed = 0; ; allowed = 1) {
    const layer = producers.get(id);
    if (layer === undefined || readers(id) !== allowed || inFloat(layer)) return new Set();
    wide.add(id);
    if (accumulates(layer.op)) return endsInTable(layer) ? new Set() : wide;
    if (layer.op !== "reshape") return new Set();
    [id] = layer.inputs;
  }
}
