import { ConfigError, LimitError } from "../engine/errors.ts";
import type { InferenceOp } from "../engine/ops/vocabulary.ts";
import type { InferenceGraph, Layer, ValueId } from "../engine/plan/inference.ts";
import { layerMacs } from "../engine/plan/macs.ts";
import { elementCount } from "../engine/shape.ts";
import type { Arithmetic } from "./arithmetic.ts";
import { arrangements, type Arrangement, type LayerChoice, type Segment } from "./arrange.ts";
import { bytesOfScratch, elements } from "./element.ts";
import type { Emitter, LayerShapes } from "./emit/emitter.ts";
import type { Schedule } from "./schedule.ts";
import { planStorage, type LayerStorage, type Storage } from "./storage.ts";
import { reduces, summandsOf, type RowLayer } from "./stream.ts";
import type { Target } from "./target.ts";
import { hasRows, isAlias } from "./views.ts";

/** In which order the layers of a network run, and where its values lie. */
export interface Placement {
  readonly segments: readonly Segment[];
  /** By layer. */
  readonly shapes: readonly LayerShapes[];
  readonly storage: Storage;
}

/** How much slower than the fastest arrangement the default one may be, by estimate. */
const leeway = 1.02;
/** Arrangements that are placed to find the smallest: what is estimated and what is reached differ a little. */
const smallestTried = 4;
/** Instructions of a layer whose kernel has no estimate: per multiply-accumulate, and per cell of its result. */
const typical = { perMac: 2, perCell: 8 };

/** @throws ConfigError for an op that has no C in this arithmetic */
export function emitterOf<K extends InferenceOp>({ emitters }: Arithmetic, op: K): Emitter<K> {
  const emitter = emitters[op];
  if ("unsupported" in emitter) throw new ConfigError(`codegen: ${op}: ${emitter.unsupported}`);
  return emitter;
}

/**
 * Chooses which layers run as wholes and which as streams, and places all values.
 * @throws ConfigError for an op without C
 * @throws LimitError when no arrangement fits in the limit of RAM
 */
export function placeNetwork(
  graph: InferenceGraph,
  arithmetic: Arithmetic,
  target: Target,
  schedule: Schedule,
): Placement {
  const { plan, ramBytes } = schedule;
  const quick = arrangeNetwork(graph, arithmetic, target, schedule, false);
  const fits = ramBytes === null || quick.storage.arenaBytes <= ramBytes;
  if (fits && plan !== "ram") return quick;
  const frugal = arrangeNetwork(graph, arithmetic, target, schedule, true);
  const smaller = frugal.storage.arenaBytes < quick.storage.arenaBytes ? frugal : quick;
  const least = smaller.storage.arenaBytes;
  if (ramBytes !== null && least > ramBytes)
    throw new LimitError(`codegen: ${ramBytes} bytes of working memory are too few: no plan needs less than ${least}`);
  return smaller;
}

function arrangeNetwork(
  graph: InferenceGraph,
  arithmetic: Arithmetic,
  target: Target,
  schedule: Schedule,
  frugal: boolean,
): Placement {
  const bytesOf = (id: ValueId): number =>
    elementCount(graph.values[id]!.shape) * elements[arithmetic.elementOf(id)].bytes;
  const shapesOf = (layer: Layer, turn: number | null): LayerShapes => ({
    layer,
    graph,
    attributes: layer.attributes,
    inputs: layer.inputs.map((id) => graph.values[id]!.shape),
    output: graph.values[layer.output]!.shape,
    target,
    schedule,
    frugal,
    turn,
  });
  const wholes = graph.layers.map((layer) => shapesOf(layer, null));
  const needs = wholes.map((shapes): LayerStorage => {
    if (isAlias(shapes.layer)) return { scratch: [], overwritableInputs: [], overwritableSummands: true };
    const emitter = emitterOf(arithmetic, shapes.layer.op);
    return {
      scratch: emitter.scratch?.(shapes) ?? [],
      overwritableInputs: emitter.overwritableInputs?.(shapes) ?? [],
      overwritableSummands: emitter.overwritableSummands ?? true,
    };
  });
  const choices = graph.layers.map((layer, index): LayerChoice => {
    if (isAlias(layer)) return { scratchBytes: 0, overwritable: [], instructions: 0, byRows: [] };
    const emitter = emitterOf(arithmetic, layer.op);
    const { scratch, overwritableInputs, overwritableSummands } = needs[index]!;
    const overwritable = (_: ValueId, position: number): boolean => overwritableInputs.includes(position);
    const read = layer.inputs.filter((id, position) => !overwritable(id, position));
    const operands = [...layer.inputs.filter(overwritable), ...(overwritableSummands ? summandsOf(layer) : [])];
    return {
      scratchBytes: bytesOfScratch(scratch),
      overwritable: operands.filter((id) => !read.includes(id) && bytesOf(id) === bytesOf(layer.output)),
      instructions:
        emitter.estimate?.(wholes[index]!) ??
        layerMacs(graph, layer) * typical.perMac + elementCount(wholes[index]!.output) * typical.perCell,
      byRows: rowsOfLayer(index, wholes[index]!, needs[index]!, emitter, (turn) => shapesOf(layer, turn)).map(
        (row) => ({
          row,
          instructions:
            emitter.estimate?.(shapesOf(layer, row.turn)) ??
            layerMacs(graph, layer) * typical.perMac + elementCount(wholes[index]!.output) * typical.perCell,
        }),
      ),
    };
  });

  const place = ({ segments }: Arrangement): Placement => {
    const turns = new Map<number, number>();
    const inStreams = [...needs];
    for (const segment of segments)
      if ("stream" in segment) {
        const { layers, scratch } = segment.stream;
        segment.stream.turns.forEach((turn, index) => {
          const layer = layers[index]!;
          turns.set(layer, turn);
          inStreams[layer] = { ...needs[layer]!, scratch: scratch[index]! };
        });
      }
    return {
      segments,
      shapes: graph.layers.map((layer, index) => shapesOf(layer, turns.get(index) ?? null)),
      storage: planStorage(graph, segments, inStreams, arithmetic.elementOf),
    };
  };
  return choose(arrangements(graph, choices, bytesOf), schedule, place);
}

/** How a layer is computed row by row: with as many rows at a call as suit its kernel, and with one. */
function rowsOfLayer(
  layer: number,
  shapes: LayerShapes,
  { overwritableInputs, overwritableSummands }: LayerStorage,
  emitter: Emitter<InferenceOp>,
  shapesOf: (turn: number) => LayerShapes,
): RowLayer[] {
  const { graph } = shapes;
  const { inputs, output } = shapes.layer;
  const windows = emitter.windows?.(shapes);
  if (windows === undefined || !inputs.every((id) => hasRows(graph, id))) return [];
  if (!hasRows(graph, output) && !reduces({ windows })) return [];
  const turns = emitter.turns?.(shapesOf(1)) ?? [];
  return [...new Set([...turns, 1])].map((turn) => ({
    ...{ layer, windows, turn, cellwise: overwritableInputs, cellwiseSummands: overwritableSummands },
    scratch: emitter.scratch?.(shapesOf(turn)) ?? [],
  }));
}

/**
 * What the schedule asks for, or the smallest where nothing fits.
 * @param found from the fastest to the smallest
 */
function choose(
  found: readonly Arrangement[],
  { plan, ramBytes }: Schedule,
  place: (arrangement: Arrangement) => Placement,
): Placement {
  const smallestOf = (some: readonly Arrangement[]): Placement =>
    some
      .slice(-smallestTried)
      .map(place)
      .reduce((best, next) => (next.storage.arenaBytes <= best.storage.arenaBytes ? next : best));
  if (ramBytes !== null)
    for (const arrangement of found) {
      if (arrangement.bytes > ramBytes) continue;
      const placement = place(arrangement);
      if (placement.storage.arenaBytes <= ramBytes) return placement;
    }
  if (ramBytes !== null || plan === "ram") return smallestOf(found);
  if (plan === "direct") return place(found[0]!);
  return smallestOf(found.filter(({ instructions }) => instructions <= leeway * found[0]!.instructions));
}
