import { int8Steps } from "../../engine/ops/fake-quantize.ts";
import type { Attributes } from "../../engine/ops/vocabulary.ts";
import type { InferenceOp } from "../../engine/ops/vocabulary.ts";
import type { Layer, ValueId } from "../../engine/plan/inference.ts";
import { accumulates, unitsOf } from "./accumulators.ts";
import { round } from "./elementary.ts";
import type { Int8Element } from "./graph.ts";
import type { Range } from "./histogram.ts";
import type { Ranged } from "./ranges.ts";
import { boundsOf, endsInTable } from "./steps.ts";

/** Ops whose outputs keep the scale and zero point of their inputs. */
const moving: ReadonlySet<InferenceOp> = new Set(["maxPool", "concat", "slice", "pad", "reshape", "transpose"]);

export function moves(op: InferenceOp): boolean {
  return moving.has(op);
}

/** A result is at least so many times as coarse as its accumulator: what keeps its shift at 33 or more. */
export const leastStep = 4 * (1 + 2 ** -20);

/** The scale and zero point for cells from `least` to `largest`, but no finer than `leastScale`. */
export function elementOf({ least, largest }: Range, leastScale = 0): Int8Element {
  return { type: "int8", ...int8Steps(least, largest, leastScale), low: -128, high: 127 };
}

/** The least range that holds all of them, and 0. */
export function unionOf(ranges: readonly Range[]): Range {
  return {
    least: Math.min(0, ...ranges.map(({ least }) => least)),
    largest: Math.max(0, ...ranges.map(({ largest }) => largest)),
  };
}

/** Cells of a softmax: 0 … 255/256. */
const fractions: Range = { least: 0, largest: 255 / 256 };

/** Values of which moving layers make one range: that of all cells that are computed, fed or trained. */
interface JoinedRanges {
  readonly rootOf: (id: ValueId) => ValueId;
  /** By the root of those that it is made of. */
  readonly ranges: ReadonlyMap<ValueId, ReadonlyMap<ValueId, Range>>;
}

export function joinRanges(ranged: Ranged, inFloat: (layer: Layer) => boolean): JoinedRanges {
  const { network } = ranged;
  const parent = network.values.map(({ id }) => id);
  const rootOf = (id: ValueId): ValueId => {
    while (parent[id] !== id) id = parent[id];
    return id;
  };
  const ranges = new Map<ValueId, Range>(ranged.values);
  for (const layer of network.layers) {
    if (layer.op === "softmax") ranges.set(layer.output, fractions);
    if (!moves(layer.op) || inFloat(layer)) continue;
    for (const id of layer.inputs) parent[rootOf(id)] = rootOf(layer.output);
    // A pad adds its cell; other moves give nothing new.
    const { value } = layer.attributes as Attributes<"pad">;
    if (layer.op === "pad") ranges.set(layer.output, { least: value, largest: value });
    else ranges.delete(layer.output);
  }
  const joined = new Map<ValueId, Map<ValueId, Range>>();
  for (const [id, range] of ranges) {
    const root = rootOf(id);
    joined.set(root, (joined.get(root) ?? new Map<ValueId, Range>()).set(id, range));
  }
  return { rootOf, ranges: joined };
}

/** Scale and zero point of every value; one for those that moving layers join. */
export function chooseElements(
  ranged: Ranged,
  inFloat: (layer: Layer) => boolean,
  wide: ReadonlySet<ValueId>,
): ReadonlyMap<ValueId, Int8Element> {
  const { network } = ranged;
  const { rootOf, ranges } = joinRanges(ranged, inFloat);
  const joined = new Map([...ranges].map(([root, parts]) => [root, unionOf([...parts.values()])]));
  const elements = new Map([...joined].map(([root, range]) => [root, elementOf(range)]));
  const elementFor = (id: ValueId): Int8Element => elements.get(rootOf(id))!;

  // A coarser value makes accumulators that read it coarser, and may be joined with an earlier one.
  for (let changed = true; changed;) {
    changed = false;
    for (const layer of network.layers) {
      if (!accumulates(layer.op) || inFloat(layer) || wide.has(layer.output) || endsInTable(layer)) continue;
      const least = leastStep * Math.max(...unitsOf(layer, (id) => elementFor(id).scale, network));
      const root = rootOf(layer.output);
      if (elements.get(root)!.scale >= least) continue;
      elements.set(root, elementOf(joined.get(root)!, least));
      changed = true;
    }
  }
  return boundCells(ranged, elementFor);
}

/** Behind a ReLU or a clip no cell is beyond its bounds; moves keep that. */
function boundCells({ network }: Ranged, elementFor: (id: ValueId) => Int8Element): ReadonlyMap<ValueId, Int8Element> {
  const bounded = new Map<ValueId, Int8Element>(network.values.map(({ id }) => [id, elementFor(id)]));
  for (const { op, inputs, epilogue, output } of network.layers) {
    const element = elementFor(output);
    const last = epilogue.at(-1);
    const bounds = last && boundsOf(last);
    if (bounds !== undefined) {
      const cellOf = (value: number): number => {
        const cell = round(value / element.scale) + element.zero;
        return Math.max(-128, Math.min(127, cell));
      };
      bounded.set(output, { ...element, low: cellOf(bounds.least), high: cellOf(bounds.largest) });
    } else if (moves(op) && op !== "pad") {
      const parts = inputs.map((id) => bounded.get(id)!);
      const low = Math.min(...parts.map((part) => part.low));
      bounded.set(output, { ...element, low, high: Math.max(...parts.map(({ high }) => high)) });
    }
  }
  return bounded;
}
