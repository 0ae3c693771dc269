import { ConfigError } from "../../engine/errors.ts";
import type { InferenceGraph, Layer, ValueId, Weights } from "../../engine/plan/inference.ts";
import { accumulates, unitsOf } from "./accumulators.ts";
import { checkBounds } from "./bounds.ts";
import { canonicalLayer } from "./canonical.ts";
import { chooseElements } from "./elements.ts";
import type { Element, Int8Element, QuantizedGraph, QuantizedLayer, QuantizedValue } from "./graph.ts";
import { splitEpilogue, type Ranged } from "./ranges.ts";
import { hasIntegers, quantizeLayer, roundCells } from "./rows.ts";
import { endsInTable, takesTable } from "./steps.ts";
import { leastFactor, valuesOf } from "./weights.ts";

export interface QuantizeOptions {
  /** Names of layers that stay in float32; those of an op that has no integers do so by themselves. */
  readonly keepFloat?: readonly string[];
}

/**
 * The network in integers (docs/int8.md). Scales come from the ranges, everything else from the trained values.
 * @throws ConfigError for a name that no layer has, or a layer that integers of these widths cannot hold
 */
export function quantizeNetwork(ranged: Ranged, { keepFloat = [] }: QuantizeOptions = {}): QuantizedGraph {
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
    if (finer === undefined) return build(lifted, elements, inFloat, wide);
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

interface Lifted {
  readonly ranged: Ranged;
  readonly constants: ReadonlyMap<ValueId, Weights>;
}

const takesConstants: ReadonlySet<string> = new Set(["add", "multiply", "concat", "batchMatmul"]);

/** Trained operands of ops that take activations become values. */
function liftConstants(ranged: Ranged, inFloat: (layer: Layer) => boolean): Lifted {
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

/** An int32 result is so many times as coarse as its accumulator. */
const wideStep = 8;

function build(
  { ranged, constants }: Lifted,
  elements: ReadonlyMap<ValueId, Int8Element>,
  inFloat: (layer: Layer) => boolean,
  wide: ReadonlySet<ValueId>,
): QuantizedGraph {
  const { network } = ranged;
  const values: QuantizedValue[] = [];
  const layers: QuantizedLayer[] = [];
  const ids = { int8: new Map<ValueId, ValueId>(), float32: new Map<ValueId, ValueId>() };
  const elementFor = (id: ValueId): Int8Element => elements.get(id)!;
  const add = (name: string, shape: readonly number[], element: Element): ValueId => {
    values.push({ id: values.length, name, shape, element });
    return values.length - 1;
  };
  const made = (id: ValueId, element: Element): ValueId => {
    const { name, shape } = network.values[id];
    const place = add(name, shape, element);
    ids[element.type === "float32" ? "float32" : "int8"].set(id, place);
    return place;
  };
  const asInt8 = (id: ValueId): ValueId => {
    const place = ids.int8.get(id);
    if (place !== undefined) return place;
    const { name, shape } = network.values[id];
    const weights = constants.get(id);
    const output = add(weights === undefined ? `${name}.int8` : name, shape, elementFor(id));
    ids.int8.set(id, output);
    if (weights === undefined) {
      const factor = Math.fround(256 / elementFor(id).scale);
      layers.push({ op: "quantize", name: `${name}.quantize`, inputs: [ids.float32.get(id)!], output, factor });
    } else {
      const cells = roundCells(valuesOf(weights), elementFor(id));
      layers.push({ op: "constant", name, inputs: [], output, cells });
    }
    return output;
  };
  const asFloat = (id: ValueId): ValueId => {
    const place = ids.float32.get(id);
    if (place !== undefined) return place;
    const { name, shape } = network.values[id];
    const output = add(`${name}.float32`, shape, { type: "float32" });
    ids.float32.set(id, output);
    layers.push({ op: "dequantize", name: `${name}.dequantize`, inputs: [ids.int8.get(id)!], output });
    return output;
  };

  const readers = network.layers.filter(({ inputs }) => inputs.includes(network.input));
  const input = made(
    network.input,
    readers.length > 0 && readers.every(inFloat) ? { type: "float32" } : elementFor(network.input),
  );
  let wideScale = 1;
  for (const layer of network.layers) {
    const { name } = layer;
    if (inFloat(layer)) {
      const inputs = layer.inputs.map(asFloat);
      const epilogue = layer.epilogue.map((step) =>
        step.kind === "add" ? { ...step, value: asFloat(step.value) } : step,
      );
      const output = made(layer.output, { type: "float32" });
      layers.push({ op: "float32", name, inputs, output, layer: { ...layer, inputs, output, epilogue } });
      continue;
    }
    const inputs = layer.inputs.map(asInt8);
    for (const step of layer.epilogue) if (step.kind === "add") asInt8(step.value);
    if (wide.has(layer.output) && accumulates(layer.op))
      wideScale = wideStep * Math.max(...unitsOf(layer, (id) => elementFor(id).scale, network));
    const element: Element = wide.has(layer.output) ? { type: "int32", scale: wideScale } : elementFor(layer.output);
    const body = quantizeLayer(layer, {
      network,
      output: element,
      elementFor,
      summand: asInt8,
      stages: ranged.stages.get(layer.output)!,
      means: ranged.means,
    });
    const output = made(layer.output, element);
    layers.push({ ...body, name, inputs, output });
  }
  const output = ids.int8.get(network.output) ?? ids.float32.get(network.output)!;
  const graph = { values, layers, input, output };
  checkBounds(graph);
  return graph;
}
