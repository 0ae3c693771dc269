import type { InferenceGraph, Layer, ValueId } from "../engine/plan/inference.ts";
import type { Scratch } from "./element.ts";
import type { RowWindow } from "./emit/emitter.ts";

/** A layer as a stream sees it. */
export interface RowLayer {
  readonly window: RowWindow;
  /** Rows that a call computes. */
  readonly turn: number;
  /** Working memory of a call. */
  readonly scratch: readonly Scratch[];
  /** Positions of inputs each of whose cells is read just before the same cell of the output is written. */
  readonly cellwise: readonly number[];
  readonly cellwiseSummands: boolean;
}

/** A call of one layer, for the rows from `from` to before `to`. */
interface RowStep {
  readonly layer: number;
  readonly from: number;
  readonly to: number;
}

/** When the rows of a value that a stream touches are in use, in steps of the stream. */
export interface RowLives {
  /** The step that computes each row; −1 where it is there from the beginning. */
  readonly written: readonly number[];
  /** The last step that reads each row; −1 when none does. */
  readonly read: readonly number[];
  /** Whether that step reads each cell of the row just before it writes the same cell of its own output. */
  readonly cellwise: readonly boolean[];
}

/** Neighbouring layers that are computed together, row by row: most of their values need room for a few rows only. */
export interface Stream {
  /** Indices of the first and last layer. */
  readonly first: number;
  readonly last: number;
  readonly turns: readonly number[];
  /** Working memory of each layer; all of them may use the same. */
  readonly scratch: readonly (readonly Scratch[])[];
  readonly steps: readonly RowStep[];
  readonly lives: ReadonlyMap<ValueId, RowLives>;
  /** Rows that there must be room for, of each value that only this stream uses. */
  readonly rings: ReadonlyMap<ValueId, number>;
}

export function summandsOf(layer: Layer): ValueId[] {
  return layer.epilogue.flatMap((step) => (step.kind === "add" ? [step.value] : []));
}

/** Rows of a value; a value without rows counts as one. */
export function rowsOf(graph: InferenceGraph, value: ValueId): number {
  const { shape } = graph.values[value]!;
  return shape.length === 4 ? shape[1]! : 1;
}

/**
 * Puts layers in the order of a stream: each row as late as the rows of the last layer allow, so that few are alive.
 * @param rowLayers of the layers from `first` on
 * @param usedLater whether a layer behind the last one reads a value
 */
export function streamOf(
  graph: InferenceGraph,
  first: number,
  rowLayers: readonly RowLayer[],
  usedLater: (value: ValueId) => boolean,
): Stream {
  const layers = graph.layers.slice(first, first + rowLayers.length);
  const producer = new Map(layers.map(({ output }, index) => [output, index]));
  const height = layers.map((layer, index) =>
    rowsOf(graph, rowLayers[index]!.window.reduces ? layer.inputs[0]! : layer.output),
  );
  const summands = layers.map(summandsOf);
  const done = layers.map(() => 0);
  const steps: RowStep[] = [];
  const rowsRead = (index: number, value: ValueId, to: number): number => {
    const { kernel, stride, padding } = rowLayers[index]!.window;
    return Math.min(rowsOf(graph, value), Math.max(1, (to - 1) * stride - padding + kernel));
  };
  const compute = (index: number, rows: number): void => {
    const { turn } = rowLayers[index]!;
    const layer = layers[index]!;
    while (done[index]! < rows) {
      const from = done[index]!;
      const to = Math.min(height[index]!, from + turn);
      for (const value of layer.inputs) {
        const before = producer.get(value);
        if (before !== undefined) compute(before, rowsRead(index, value, to));
      }
      for (const value of summands[index]!) {
        const before = producer.get(value);
        if (before !== undefined) compute(before, to);
      }
      steps.push({ layer: first + index, from, to });
      done[index] = to;
    }
  };
  compute(layers.length - 1, height.at(-1)!);
  layers.forEach((_, index) => compute(index, height[index]!));

  const lives = livesOf(graph, first, rowLayers, steps);
  /** Of the layers that write or add a value, whose rows of a turn lie next to each other. */
  const turnsOf = (value: ValueId): number[] =>
    rowLayers.flatMap(({ turn }, index) =>
      layers[index]!.output === value || summands[index]!.includes(value) ? [turn] : [],
    );
  const rings = new Map<ValueId, number>();
  for (const [index, { output }] of layers.entries())
    if (!usedLater(output) && !rowLayers[index]!.window.reduces)
      rings.set(output, ringRows(lives.get(output)!, turnsOf(output)));
  return {
    ...{ first, last: first + layers.length - 1, steps, lives, rings },
    turns: rowLayers.map(({ turn }) => turn),
    scratch: rowLayers.map(({ scratch }) => scratch),
  };
}

function livesOf(
  graph: InferenceGraph,
  first: number,
  rowLayers: readonly RowLayer[],
  steps: readonly RowStep[],
): Map<ValueId, RowLives> {
  const lives = new Map<ValueId, { written: number[]; read: number[]; cellwise: boolean[] }>();
  const of = (value: ValueId): { written: number[]; read: number[]; cellwise: boolean[] } => {
    const known = lives.get(value);
    if (known !== undefined) return known;
    const rows = rowsOf(graph, value);
    const fresh = {
      written: new Array<number>(rows).fill(-1),
      read: new Array<number>(rows).fill(-1),
      cellwise: new Array<boolean>(rows).fill(false),
    };
    lives.set(value, fresh);
    return fresh;
  };
  const summands = rowLayers.map((_, index) => summandsOf(graph.layers[first + index]!));
  steps.forEach(({ layer: at, from, to }, step) => {
    const layer = graph.layers[at]!;
    const { window, cellwise, cellwiseSummands } = rowLayers[at - first]!;
    const read = (value: ValueId, begin: number, end: number, byCell: boolean): void => {
      const life = of(value);
      for (let row = Math.max(0, begin); row < Math.min(life.read.length, end); row++) {
        life.cellwise[row] = byCell && (life.read[row] !== step || life.cellwise[row]!);
        life.read[row] = step;
      }
    };
    layer.inputs.forEach((value, position) =>
      read(
        value,
        from * window.stride - window.padding,
        (to - 1) * window.stride - window.padding + window.kernel,
        cellwise.includes(position),
      ),
    );
    for (const value of summands[at - first]!) read(value, from, to, cellwiseSummands);
    const output = of(layer.output);
    if (window.reduces) output.written[0] = from === 0 ? step : output.written[0]!;
    else for (let row = from; row < to; row++) output.written[row] = step;
  });
  return lives;
}

/** Rows of a ring: none may be written while the row at its place is still to be read. No turn wraps around. */
function ringRows({ written, read }: RowLives, turns: readonly number[]): number {
  let most = 1;
  let oldest = 0;
  for (let row = 0; row < written.length; row++) {
    while (oldest < row && read[oldest]! < written[row]!) oldest++;
    most = Math.max(most, row - oldest + 1);
  }
  let room = most;
  while (turns.some((turn) => room % turn !== 0)) room++;
  return room >= written.length ? written.length : room;
}
