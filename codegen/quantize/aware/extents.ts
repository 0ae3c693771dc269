import type { Attributes } from "../../../engine/ops/vocabulary.ts";
import type { InferenceGraph, ValueId } from "../../../engine/plan/inference.ts";
import type { ModelState } from "../../../engine/train/evaluate-model.ts";
import { moves, unionOf } from "../elements.ts";
import type { Range } from "../histogram.ts";
import type { Ranged } from "../ranges.ts";
import { takesTable } from "../steps.ts";

/** Ranges of a network that are told apart by identity, and the name of each: that of the slot that holds it. */
export interface NamedRanges {
  readonly ranged: Ranged;
  readonly names: ReadonlyMap<Range, string>;
}

const nameOf = (value: string): string => `extent.${value}`;

/** Gives each range the name of its value, and those inside an epilogue also that of their place. */
export function nameRanges(network: InferenceGraph, rangeOf: (name: string) => Range): NamedRanges {
  const names = new Map<Range, string>();
  const named = (name: string): Range => {
    const range = { ...rangeOf(name) };
    names.set(range, name);
    return range;
  };
  const values = new Map<ValueId, Range>([[network.input, named(nameOf(network.values[network.input].name))]]);
  const stages = new Map<ValueId, readonly Range[]>();
  for (const { output, epilogue } of network.layers) {
    const { name } = network.values[output];
    const last = named(nameOf(name));
    stages.set(output, [...epilogue.map((_, at) => named(nameOf(`${name}.${at}`))), last]);
    values.set(output, last);
  }
  return { ranged: { network, values, stages }, names };
}

/** What slots of extents hold at the beginning: ranges by calibration. */
export function extentValues({ network, values, stages }: Ranged): Map<string, Float32Array> {
  const extents = new Map<string, Float32Array>();
  const set = (name: string, range: Range): void => {
    const { least, largest } = unionOf([range]);
    extents.set(nameOf(name), Float32Array.of(least, largest));
  };
  set(network.values[network.input].name, values.get(network.input)!);
  for (const { output } of network.layers) {
    const { name } = network.values[output];
    const ranges = stages.get(output)!;
    ranges.slice(0, -1).forEach((range, at) => set(`${name}.${at}`, range));
    set(name, values.get(output)!);
  }
  return extents;
}

/** The range of an extent [2], nothing where there is none. */
export function rangeIn(state: ModelState, name: string): Range {
  const [least = 0, largest = 0] = state.get(name) ?? [];
  return { least, largest };
}

/** The ranges that a network was quantised with elsewhere, as slots of extents. */
export function statedExtents({ values, ranges = new Map() }: InferenceGraph): Map<string, Float32Array> {
  const extents = new Map<string, Float32Array>();
  for (const [id, stages] of ranges)
    for (const [at, stage] of stages.entries()) {
      const { name } = values[id];
      const last = at === stages.length - 1;
      if (stage !== undefined)
        extents.set(nameOf(last ? name : `${name}.${at}`), Float32Array.of(stage.least, stage.largest));
    }
  return extents;
}

/** The range of a value, or of a stage of an epilogue, that a model carries. */
function carried(state: ModelState, name: string): Range | undefined {
  return state.has(nameOf(name)) ? rangeIn(state, nameOf(name)) : undefined;
}

/** Ranges by calibration; those that the model carries go before. */
export function withCarriedRanges(ranged: Ranged, state: ModelState): Ranged {
  const { values } = ranged.network;
  const stagesOf = (name: string, stages: readonly Range[]): Range[] =>
    stages.map((range, at) => carried(state, at === stages.length - 1 ? name : `${name}.${at}`) ?? range);
  return {
    ...ranged,
    values: new Map([...ranged.values].map(([id, range]) => [id, carried(state, values[id].name) ?? range])),
    stages: new Map([...ranged.stages].map(([id, stages]) => [id, stagesOf(values[id].name, stages)])),
  };
}

/** Logits are sums without a range. */
const none: Range = { least: 0, largest: 0 };

/**
 * The ranges of a model that was trained with rounding, or quantised elsewhere; undefined when it does not carry all
 * that its integers depend on.
 */
export function carriedRanges(network: InferenceGraph, state: ModelState): Ranged | undefined {
  const { layers, input, output } = network;
  const ids = [input, ...layers.map((layer) => layer.output)];
  const values = new Map<ValueId, Range>();
  for (const id of ids) {
    const range = carried(state, network.values[id].name);
    if (range !== undefined) values.set(id, range);
  }
  if (values.size === 0) return undefined;
  // What moves cells has the range of what it moves, which may be stated for either.
  for (const layer of layers.toReversed()) {
    const [id, ...others] = layer.inputs;
    const moved = values.get(layer.output);
    if (moves(layer.op) && others.length === 0 && moved !== undefined && !values.has(id)) values.set(id, moved);
  }
  const stages = new Map<ValueId, readonly Range[]>();
  for (const layer of layers) {
    const { op, inputs, attributes, epilogue } = layer;
    const parts = inputs.map((id) => values.get(id));
    if (moves(op)) {
      if (!parts.every((part) => part !== undefined)) return undefined;
      const { value } = attributes as Attributes<"pad">;
      values.set(layer.output, unionOf(op === "pad" ? [...parts, { least: value, largest: value }] : parts));
    }
    const { name } = network.values[layer.output];
    const own = values.get(layer.output) ?? (layer.output === output || op === "softmax" ? none : undefined);
    if (own === undefined) return undefined;
    const before = epilogue.map((step, at) => carried(state, `${name}.${at}`) ?? (takesTable(step) ? undefined : own));
    if (!before.every((range) => range !== undefined)) return undefined;
    values.set(layer.output, own);
    stages.set(layer.output, [...before, own]);
  }
  return { network, values, stages };
}
