import type { Attributes } from "../../../engine/ops/vocabulary.ts";
import type { InferenceGraph, ValueId } from "../../../engine/plan/inference.ts";
import type { ModelState } from "../../../engine/train/evaluate-model.ts";
import { moves, unionOf } from "../elements.ts";
import type { Range } from "../histogram.ts";
import type { Ranged } from "../ranges.ts";

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

/** The ranges that a network was trained with; undefined when it was trained without rounding. */
export function trainedRanges(network: InferenceGraph, state: ModelState): Ranged | undefined {
  if (!state.has(nameOf(network.values[network.input].name))) return undefined;
  const { ranged } = nameRanges(network, (name) => rangeIn(state, name));
  const values = new Map(ranged.values);
  // What only moves cells was not observed.
  for (const { op, inputs, output, attributes } of network.layers) {
    if (!moves(op)) continue;
    const { value } = attributes as Attributes<"pad">;
    const parts = inputs.map((id) => values.get(id)!);
    values.set(output, unionOf(op === "pad" ? [...parts, { least: value, largest: value }] : parts));
  }
  return { ...ranged, values };
}
