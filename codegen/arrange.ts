import type { InferenceGraph, ValueId } from "../engine/plan/inference.ts";
import { bytesOfScratch } from "./element.ts";
import { reduces, streamOf, summandsOf, waits, type RowLayer, type RowLives, type Stream } from "./stream.ts";
import { isAlias, rowSource, rowsOf } from "./views.ts";

/** What runs at once: one layer as a whole, or some as a stream. */
export type Segment = { readonly layer: number } | { readonly stream: Stream };

/** A layer as the choice of segments sees it. */
export interface LayerChoice {
  /** Working memory of the whole layer. */
  readonly scratchBytes: number;
  /** Operands that the result of the whole layer may overwrite when nobody reads them afterwards. */
  readonly overwritable: readonly ValueId[];
  /** Instructions of the whole layer, estimated. */
  readonly instructions: number;
  /** How it is computed by rows, most at a call first; empty where it is not. */
  readonly byRows: readonly { readonly row: RowLayer; readonly instructions: number }[];
}

/** Instructions to choose and call the kernel of one step of a stream. */
const instructionsPerStep = 25;
/** Layers of the longest stream. */
const longestStream = 24;

interface Candidate {
  readonly first: number;
  readonly last: number;
  readonly segment: Segment | undefined;
  readonly bytes: number;
  readonly instructions: number;
}

/** An arrangement of all layers, with estimates of its instructions and of the largest sum of bytes alive in a segment. */
export interface Arrangement {
  readonly segments: readonly Segment[];
  readonly bytes: number;
  readonly instructions: number;
}

/**
 * Which arrangements there are: for each sum of bytes that can be reached, the one of fewest instructions. From the
 * fastest, which needs most memory, to the smallest.
 */
export function arrangements(
  graph: InferenceGraph,
  choices: readonly LayerChoice[],
  bytesOf: (value: ValueId) => number,
): Arrangement[] {
  const candidates = candidatesOf(graph, choices, bytesOf);
  const found: Arrangement[] = [];
  let limit = Infinity;
  for (;;) {
    const next = cheapest(candidates, graph.layers.length, limit);
    // A network without layers needs no memory however little there is.
    if (next === undefined || next.bytes >= limit) return found;
    found.push(next);
    limit = next.bytes;
  }
}

/** The arrangement of fewest instructions with less than `limit` bytes in each segment. */
function cheapest(
  candidates: readonly (readonly Candidate[])[],
  layers: number,
  limit: number,
): Arrangement | undefined {
  const best: { instructions: number; by: Candidate | undefined }[] = [{ instructions: 0, by: undefined }];
  for (let end = 0; end < layers; end++) {
    let least: { instructions: number; by: Candidate | undefined } = { instructions: Infinity, by: undefined };
    for (const candidate of candidates[end]!) {
      if (candidate.bytes >= limit) continue;
      const instructions = best[candidate.first]!.instructions + candidate.instructions;
      if (instructions < least.instructions) least = { instructions, by: candidate };
    }
    best.push(least);
  }
  const { instructions } = best[layers]!;
  if (instructions === Infinity) return undefined;
  const segments: Segment[] = [];
  let bytes = 0;
  for (let at = layers; at > 0;) {
    const { first, segment, bytes: needed } = best[at]!.by!;
    if (segment !== undefined) segments.unshift(segment);
    bytes = Math.max(bytes, needed);
    at = first;
  }
  return { segments, bytes, instructions };
}

/** All segments that end with each layer. */
function candidatesOf(
  graph: InferenceGraph,
  choices: readonly LayerChoice[],
  bytesOf: (value: ValueId) => number,
): Candidate[][] {
  const { layers, values } = graph;
  const root = values.map(({ id }) => id);
  for (const layer of layers) if (isAlias(layer)) root[layer.output] = root[layer.inputs[0]!]!;
  const outside = new Set([root[graph.input], root[graph.output]]);
  const born = values.map(() => -1);
  const dies = values.map(() => -1);
  layers.forEach((layer, at) => {
    if (!isAlias(layer)) born[root[layer.output]!] = at;
    for (const value of [...layer.inputs, ...summandsOf(layer)]) dies[root[value]!] = at;
  });
  const roots = values.filter(({ id }) => root[id] === id && !outside.has(id)).map(({ id }) => id);
  const streamBytes = (stream: Stream): number => {
    const { layers, lives, rings, steps, scratch } = stream;
    const [first, last] = [layers[0]!, layers.at(-1)!];
    const changes = new Array<number>(steps.length + 2).fill(0);
    const alive = (from: number, to: number, bytes: number): void => {
      changes[from]! += bytes;
      changes[to + 1]! -= bytes;
    };
    const touched = new Map<ValueId, [ValueId, RowLives]>();
    for (const [id, life] of lives) touched.set(root[id]!, [id, life]);
    for (const id of roots) {
      if (born[id]! > last || dies[id]! < first) continue;
      const [value, life] = touched.get(id) ?? [];
      const bytes = bytesOf(id);
      if (value === undefined || life === undefined) {
        alive(0, steps.length, bytes);
        continue;
      }
      const ring = rings.get(value);
      const rowBytes = bytes / life.written.length;
      if (ring !== undefined) {
        alive(Math.min(...life.written), Math.max(...life.read, ...life.written), ring * rowBytes);
        continue;
      }
      // The row of a shortcut may be replaced by that of the sum.
      const replaced = dies[id]! <= last && isReplaced(graph, stream, value, bytesOf);
      life.written.forEach((written, row) => {
        const end = dies[id]! > last ? steps.length : Math.max(written, life.read[row]!);
        const until = replaced && life.cellwise[row]! ? end - 1 : end;
        if (until >= Math.max(0, written)) alive(Math.max(0, written), until, rowBytes);
      });
    }
    layers.forEach((layer, index) => {
      const kept = scratch[index]!.filter((array) => array.kept);
      if (kept.length === 0) return;
      const calls = steps.flatMap((step, at) => (step.layer === layer ? [at] : []));
      alive(calls[0]!, calls.at(-1)!, bytesOfScratch(kept));
    });
    let live = Math.max(...scratch.map((arrays) => bytesOfScratch(arrays.filter(({ kept }) => !kept))));
    return changes.reduce((most, change) => Math.max(most, (live += change)), 0);
  };

  return layers.map((layer, end) => {
    const { scratchBytes, overwritable, instructions } = choices[end]!;
    if (isAlias(layer)) return [{ first: end, last: end, segment: undefined, bytes: 0, instructions: 0 }];
    const throughout = roots.reduce((sum, id) => sum + (born[id]! <= end && dies[id]! >= end ? bytesOf(id) : 0), 0);
    const inPlace =
      !outside.has(root[layer.output]) && overwritable.some((id) => !outside.has(root[id]) && dies[root[id]!] === end);
    const whole: Candidate = {
      ...{ first: end, last: end, segment: { layer: end }, instructions },
      bytes: throughout + scratchBytes - (inPlace ? bytesOf(layer.output) : 0),
    };
    const found = [whole];
    const streamed: LayerChoice["byRows"][] = [];
    let begin = 0;
    for (let first = end; first >= begin && streamed.length < longestStream; first--) {
      const { inputs, output } = layers[first]!;
      // Another name of the same rows takes no step.
      if (isAlias(layers[first]!) && rowSource(graph, output) === rowSource(graph, inputs[0]!)) continue;
      const { byRows } = choices[first]!;
      if (byRows.length === 0 || (first < end && reduces(byRows[0]!.row))) break;
      streamed.unshift(byRows);
      // What is complete before the first row is no smaller when layers before it are in the same stream.
      if (waits(byRows[0]!.row))
        begin = Math.max(begin, Math.min(first, ...inputs.map((id) => born[root[id]!]!).filter((at) => at >= 0)));
      for (const rows of waysOf(
        streamed,
        streamed.map(([{ row }]) => rowsOf(graph, layers[row.layer]!.output)),
      )) {
        const stream = streamOf(
          graph,
          rows.map(({ row }) => row),
          (value) => dies[root[value]!]! > end || outside.has(root[value]!),
        );
        found.push({
          ...{ first, last: end, segment: { stream }, bytes: streamBytes(stream) },
          instructions:
            rows.reduce((sum, row) => sum + row.instructions, 0) + stream.steps.length * instructionsPerStep,
        });
      }
    }
    return found;
  });
}

type ByRows = LayerChoice["byRows"][number];

/** Ways to compute layers as a stream: with as many rows at a call in all of them, or as their heights have it. */
function waysOf(layers: readonly (readonly ByRows[])[], heights: readonly number[]): (readonly ByRows[])[] {
  const turns = new Set(layers.flatMap((byRows) => byRows.map(({ row }) => row.turn)));
  const tallest = Math.max(...heights);
  const ways = new Map<string, readonly ByRows[]>();
  for (const turn of turns)
    for (const most of [heights.map(() => turn), heights.map((height) => (turn * height) / tallest)]) {
      const way = layers.map((byRows, index) => byRows.find(({ row }) => row.turn <= most[index]!) ?? byRows.at(-1)!);
      ways.set(way.map(({ row }) => row.turn).join(), way);
    }
  return [...ways.values()];
}

/** Whether some layer of a stream sums in place of a value that has as many rows of as many bytes. */
function isReplaced(
  graph: InferenceGraph,
  { layers, rings }: Stream,
  value: ValueId,
  bytesOf: (value: ValueId) => number,
): boolean {
  return layers.some((index) => {
    const layer = graph.layers[index]!;
    return (
      summandsOf(layer).includes(value) &&
      !rings.has(layer.output) &&
      bytesOf(layer.output) === bytesOf(value) &&
      rowsOf(graph, layer.output) === rowsOf(graph, value)
    );
  });
}
