import type { InferenceGraph, Layer, ValueId } from "../engine/plan/inference.ts";
import { planMemory, type LiveBuffer } from "../engine/plan/memory.ts";
import { elementCount } from "../engine/shape.ts";
import type { Room } from "./emit/rows.ts";
import { summandsOf } from "./stream.ts";
import type { Segment } from "./arrange.ts";
import { elements, type ElementName, type Scratch } from "./element.ts";
import { isAlias, rowSource, rowsOf } from "./views.ts";

/** What a layer's kernel needs of memory, besides its inputs and its output. */
export interface LayerStorage {
  /** Working memory of this layer alone. */
  readonly scratch: readonly Scratch[];
  /** Positions of inputs that the output may overwrite. */
  readonly overwritableInputs: readonly number[];
  /** Whether the output may overwrite a summand of the epilogue. */
  readonly overwritableSummands: boolean;
}

/** A region of the arena, in use from its first layer to its last, both included. */
export interface ArenaBuffer {
  /** Of the value or layer whose cells these are; several values share them where results are computed in place. */
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

export interface Storage {
  /** C expression of a pointer to a value's first cell, of the value's type. */
  readonly pointer: (value: ValueId) => string;
  /** Rows of a value that there is room for. */
  readonly room: (value: ValueId) => Room;
  /** The same of each piece of a layer's working memory. */
  readonly scratch: (layer: number) => readonly string[];
  /** Kinds of numbers in the arena. */
  readonly elements: readonly ElementName[];
  /** The network's output is the same cells as its input and has to be copied. */
  readonly outputIsInput: boolean;
  readonly arenaBytes: number;
  readonly arenaLowerBoundBytes: number;
  /** No other placement of the same buffers needs less. */
  readonly optimal: boolean;
  readonly buffers: readonly ArenaBuffer[];
  /** The first layer at which most memory is alive; −1 without buffers. */
  readonly peakLayer: number;
}

const alignment = 16;
/** Arrays of working memory of a layer are fewer. */
const mostScratch = 16;
/** Partial placements that are tried where a greedy one is not known to be the best. */
const searchNodes = 2000;

/** Steps at which the rows of a value are computed and last read, over the whole network. */
interface Use {
  readonly written: number[];
  readonly read: number[];
  /** Whether the last read is of each cell, just before the same cell of a result is written. */
  readonly cellwise: boolean[];
}

/**
 * Places every value of a network: input and output belong to the caller, everything else lies in one arena. Results
 * of whole layers are computed in place of an operand that nobody reads afterwards wherever a kernel allows it; rows
 * of a stream may lie where rows were that have been read.
 */
export function planStorage(
  graph: InferenceGraph,
  segments: readonly Segment[],
  needs: readonly LayerStorage[],
  elementOf: (value: ValueId) => ElementName,
): Storage {
  const { layers, values } = graph;
  const bytesOf = (id: ValueId): number => elementCount(values[id]!.shape) * elements[elementOf(id)].bytes;
  const parent = values.map((value) => value.id);
  const rootOf = (id: ValueId): ValueId => {
    while (parent[id] !== id) id = parent[id]!;
    return id;
  };
  for (const layer of layers) if (isAlias(layer)) parent[rootOf(layer.output)] = rootOf(layer.inputs[0]!);

  const { uses, stepsOf, callsOf, layerAt } = usesOf(graph, segments);
  const lastUse = (root: ValueId): number =>
    values.reduce((last, { id }) => (rootOf(id) === root ? Math.max(last, ...uses[id]!.read) : last), -1);
  const roomOf = new Map(segments.flatMap((segment) => ("stream" in segment ? [...segment.stream.rings] : [])));

  const inputRoot = rootOf(graph.input);
  for (const segment of segments) {
    if ("stream" in segment) continue;
    const layer = layers[segment.layer]!;
    const { overwritableInputs, overwritableSummands } = needs[segment.layer]!;
    const mayOverwrite = (operand: ValueId): boolean => {
      const root = rootOf(operand);
      return (
        root !== inputRoot &&
        root !== rootOf(layer.output) &&
        elementOf(operand) === elementOf(layer.output) &&
        bytesOf(operand) === bytesOf(layer.output) &&
        layer.inputs.every((id, position) => rootOf(id) !== root || overwritableInputs.includes(position)) &&
        (overwritableSummands || summandsOf(layer).every((id) => rootOf(id) !== root)) &&
        lastUse(root) === stepsOf[segment.layer]!.last
      );
    };
    const operand = [...summandsOf(layer), ...layer.inputs].find(mayOverwrite);
    if (operand !== undefined) parent[rootOf(layer.output)] = rootOf(operand);
  }

  const outputRoot = rootOf(graph.output);
  const members = new Map<ValueId, ValueId[]>();
  for (const { id } of values) members.set(rootOf(id), [...(members.get(rootOf(id)) ?? []), id]);
  const layersOf = new Map<ValueId, { first: number; last: number }>();
  layers.forEach((layer, at) => {
    for (const id of [...layer.inputs, ...summandsOf(layer), layer.output]) {
      const known = layersOf.get(rootOf(id));
      layersOf.set(rootOf(id), { first: known?.first ?? at, last: at });
    }
  });
  const buffers: (LiveBuffer & {
    readonly name: string;
    readonly layers: { readonly first: number; readonly last: number };
  })[] = [];
  const bufferOfValue = new Map<ValueId, number>();
  for (const [root, ids] of members) {
    const unused = uses[root]!.written.every((step) => step < 0);
    if (root === inputRoot || root === outputRoot || unused) continue;
    bufferOfValue.set(root, buffers.length);
    const life = lifeOf(
      ids.map((id) => uses[id]!),
      roomOf.has(root),
    );
    buffers.push({ name: values[root]!.name, layers: layersOf.get(root)!, bytes: sizeOf(ids), ...life });
  }
  function sizeOf(ids: readonly ValueId[]): number {
    const [id] = ids as [ValueId];
    const ring = roomOf.get(id);
    if (ring !== undefined) return (bytesOf(id) / uses[id]!.written.length) * ring;
    return Math.max(...ids.map(bytesOf));
  }
  for (const segment of segments)
    if ("stream" in segment) {
      for (const layer of segment.stream.layers)
        replaceInPlace(layers[layer]!, (id) => {
          const alone = members.get(id)?.length === 1 && !roomOf.has(id);
          return alone ? bufferOfValue.get(id) : undefined;
        });
    }

  /** Lets the sum of a shortcut lie upon it, row by row. */
  function replaceInPlace({ output, ...layer }: Layer, placeOf: (value: ValueId) => number | undefined): void {
    const own = placeOf(output);
    if (own === undefined) return;
    const { written } = uses[output]!;
    for (const operand of summandsOf({ output, ...layer })) {
      const place = placeOf(operand);
      const { read, cellwise } = uses[operand]!;
      const fits =
        elementOf(operand) === elementOf(output) &&
        read.length === written.length &&
        bytesOf(operand) === bytesOf(output);
      if (place === undefined || !fits || buffers[place]!.slices === undefined || buffers[own]!.slices === undefined)
        continue;
      const free = read.every((step, row) => step < written[row]! || (step === written[row]! && cellwise[row]!));
      if (!free || buffers.some(({ shares }) => shares === place)) continue;
      const slices = buffers[place]!.slices.map((slice, row) => ({ ...slice, replaced: slice.last === written[row] }));
      buffers[place] = { ...buffers[place]!, slices };
      buffers[own] = { ...buffers[own]!, shares: place };
      return;
    }
  }

  // Working memory of the layers of a stream lies at one address, unless it is kept from call to call.
  const firstScratch = needs.map(({ scratch }, layer) => {
    const before = buffers.length;
    scratch.forEach(({ element, count, kept }, index) =>
      buffers.push({
        name: `${layers[layer]!.name}, working memory`,
        bytes: count * elements[element].bytes,
        layers: { first: layer, last: layer },
        ...(kept ? callsOf[layer]! : { ...stepsOf[layer]!, group: stepsOf[layer]!.first * mostScratch + index }),
      }),
    );
    return before;
  });

  const plan = planMemory(buffers, { alignment, nodes: searchNodes });
  const inArena = new Set<ElementName>();
  const at = (buffer: number, element: ElementName): string => {
    const { member, bytes } = elements[element];
    return `arena->${member} + ${plan.offsets[buffer]! / bytes}`;
  };
  for (const { id } of values) if (bufferOfValue.has(rootOf(id))) inArena.add(elementOf(id));
  for (const { scratch } of needs) for (const { element } of scratch) inArena.add(element);
  return {
    pointer: (value) => {
      const root = rootOf(value);
      return root === inputRoot
        ? "input"
        : root === outputRoot
          ? "output"
          : at(bufferOfValue.get(root)!, elementOf(value));
    },
    room: (value) => {
      const rows = rowsOf(graph, value);
      return { rows: roomOf.get(rowSource(graph, value)) ?? rows, of: rows };
    },
    scratch: (layer) => needs[layer]!.scratch.map(({ element }, index) => at(firstScratch[layer]! + index, element)),
    elements: [...inArena].sort(),
    outputIsInput: outputRoot === inputRoot,
    arenaBytes: plan.arenaBytes,
    arenaLowerBoundBytes: plan.lowerBoundBytes,
    optimal: plan.optimal,
    buffers: buffers.map(({ name, bytes, layers: { first, last } }, index) => ({
      ...{ name, bytes, offset: plan.offsets[index]!, first, last },
    })),
    peakLayer: plan.peakStep < 0 ? -1 : layerAt(plan.peakStep),
  };
}

interface Steps {
  readonly first: number;
  readonly last: number;
}

interface Uses {
  /** By value. */
  readonly uses: readonly Use[];
  /** The steps of each layer's segment. */
  readonly stepsOf: readonly Steps[];
  /** The steps of each layer's own calls. */
  readonly callsOf: readonly Steps[];
  readonly layerAt: (step: number) => number;
}

/** When each row of each value is computed and read, in steps: one for a whole layer, one for each call of a stream. */
function usesOf(graph: InferenceGraph, segments: readonly Segment[]): Uses {
  const { layers, values } = graph;
  const uses = values.map(({ id }): Use => {
    const rows = rowsOf(graph, id);
    return {
      written: new Array<number>(rows).fill(-1),
      read: new Array<number>(rows).fill(-1),
      cellwise: new Array<boolean>(rows).fill(false),
    };
  });
  const stepsOf = layers.map((): Steps => ({ first: 0, last: 0 }));
  const layerOfStep: number[] = [];
  let step = 0;
  for (const segment of segments) {
    const begin = step;
    if ("layer" in segment) {
      const layer = layers[segment.layer]!;
      for (const id of [...layer.inputs, ...summandsOf(layer)]) {
        uses[id]!.read.fill(step);
        uses[id]!.cellwise.fill(false);
      }
      uses[layer.output]!.written.fill(step);
      layerOfStep.push(segment.layer);
      stepsOf[segment.layer] = { first: begin, last: step };
      step++;
      continue;
    }
    const { stream } = segment;
    for (const [id, { written, read, cellwise }] of stream.lives) {
      const use = uses[id]!;
      written.forEach((at, row) => {
        if (at >= 0) use.written[row] = begin + at;
        if (read[row]! < 0) return;
        use.read[row] = begin + read[row]!;
        use.cellwise[row] = cellwise[row]!;
      });
    }
    for (const { layer } of stream.steps) layerOfStep.push(layer);
    step += stream.steps.length;
    for (const layer of stream.layers) stepsOf[layer] = { first: begin, last: step - 1 };
  }
  uses[graph.output]!.read.fill(step);
  const callsOf = layers.map((_, layer): Steps => {
    return { first: layerOfStep.indexOf(layer), last: layerOfStep.lastIndexOf(layer) };
  });
  const layerAt = (at: number): number => layerOfStep[Math.min(at, layerOfStep.length - 1)] ?? -1;
  return { uses, stepsOf, callsOf, layerAt };
}

/** The life of values that share their cells; row by row, where rows are not all alive alike. */
function lifeOf(uses: readonly Use[], ring: boolean): Pick<LiveBuffer, "first" | "last" | "slices"> {
  const rows = Math.max(...uses.map(({ written }) => written.length));
  const slices = Array.from({ length: rows }, (_, row) => {
    const at = uses.map((use) => {
      const own = Math.floor((row * use.written.length) / rows);
      return { written: use.written[own]!, read: use.read[own]! };
    });
    // Other names of a value are read, not written.
    const first = Math.min(...at.map(({ written }) => (written < 0 ? Infinity : written)));
    return { first, last: Math.max(...at.map(({ written, read }) => Math.max(written, read))) };
  });
  const first = Math.min(...slices.map((slice) => slice.first));
  const last = Math.max(...slices.map((slice) => slice.last));
  const whole = ring || uses.some(({ written }) => rows % written.length !== 0);
  const alike = slices.every((slice) => slice.first === first && slice.last === last);
  return whole || alike ? { first, last } : { first, last, slices };
}
