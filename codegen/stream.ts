import type { InferenceGraph, Layer, ValueId } from "../engine/plan/inference.ts";
import type { Scratch } from "./element.ts";
import type { RowWindow } from "./emit/emitter.ts";
import { rowSource, rowsOf } from "./views.ts";

/** A layer as a stream sees it. */
export interface RowLayer {
  /** Index of the layer. */
  readonly layer: number;
  /** Of each input. */
  readonly windows: readonly RowWindow[];
  /** Rows that a call computes. */
  readonly turn: number;
  /** Working memory of a call. */
  readonly scratch: readonly Scratch[];
  /** Positions of inputs each of whose cells is read just before the same cell of the output is written. */
  readonly cellwise: readonly number[];
  readonly cellwiseSummands: boolean;
}

/** A call of one layer, for the rows from `from` to before `to`, those that are gathered before the output counted. */
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
  /** Indices of the layers that it computes. */
  readonly layers: readonly number[];
  /** Calls of each layer before the one for the first row of its output. */
  readonly leads: readonly number[];
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

/** Whether what a layer computes row by row is one sum over the rows of its input. */
export function reduces({ windows }: Pick<RowLayer, "windows">): boolean {
  return windows.some((window) => window.reduces);
}

/** Whether the first row of a layer's output needs all rows of some input. */
export function waits({ windows }: Pick<RowLayer, "windows">): boolean {
  return windows.some(({ gathered, stride }) => gathered || stride === 0);
}

/** A layer of a stream with its operands, each under the name whose rows it has. */
interface Member extends RowLayer {
  readonly inputs: readonly ValueId[];
  readonly summands: readonly ValueId[];
  readonly output: ValueId;
  /** Calls before the one for the first row of the output. */
  readonly lead: number;
  readonly calls: number;
  readonly reduces: boolean;
}

function memberOf(graph: InferenceGraph, row: RowLayer): Member {
  const layer = graph.layers[row.layer]!;
  const sources = (values: readonly ValueId[]): ValueId[] => values.map((value) => rowSource(graph, value));
  const { output } = layer;
  const inputs = sources(layer.inputs);
  const lead = Math.max(0, ...inputs.map((value, at) => (row.windows[at]!.gathered ? rowsOf(graph, value) : 0)));
  const sums = reduces(row);
  const calls = lead + rowsOf(graph, sums ? inputs[0]! : output);
  return { ...row, inputs, summands: sources(summandsOf(layer)), output, lead, calls, reduces: sums };
}

/** Rows of an input that some calls of a layer read, of which there may be fewer; undefined for none. */
function rowsRead(
  { windows, lead }: Member,
  position: number,
  calls: { readonly from: number; readonly to: number },
): { readonly from: number; readonly to: number } | undefined {
  const { kernel, stride, padding, gathered } = windows[position]!;
  if (gathered) return calls.from < lead ? calls : undefined;
  if (calls.to <= lead) return undefined;
  const first = (call: number): number => (call - lead) * stride - padding;
  return { from: first(calls.from), to: first(calls.to - 1) + kernel };
}

/**
 * Puts layers in the order of a stream: each row as late as the rows of the last layer allow, so that few are alive.
 * @param usedLater whether a layer behind the last one reads a value
 */
export function streamOf(
  graph: InferenceGraph,
  rowLayers: readonly RowLayer[],
  usedLater: (value: ValueId) => boolean,
): Stream {
  const members = rowLayers.map((row) => memberOf(graph, row));
  const producer = new Map(members.map(({ output }, index) => [output, index]));
  const done = members.map(() => 0);
  const steps: RowStep[] = [];
  const computeRows = (value: ValueId, rows: number): void => {
    const before = producer.get(value);
    if (before !== undefined) compute(before, members[before]!.lead + rows);
  };
  const compute = (index: number, calls: number): void => {
    const member = members[index]!;
    const { layer, turn, inputs, summands, lead } = member;
    while (done[index]! < calls) {
      const from = done[index]!;
      const to = Math.min(member.calls, from + turn);
      inputs.forEach((value, position) => {
        const read = rowsRead(member, position, { from, to });
        if (read !== undefined) computeRows(value, Math.min(rowsOf(graph, value), Math.max(1, read.to)));
      });
      if (to > lead) for (const value of summands) computeRows(value, to - lead);
      steps.push({ layer, from, to });
      done[index] = to;
    }
  };
  compute(members.length - 1, members.at(-1)!.calls);
  members.forEach(({ calls }, index) => compute(index, calls));

  const lives = livesOf(graph, members, steps);
  /** Of the layers that write or add a value, whose rows of a turn lie next to each other. */
  const turnsOf = (value: ValueId): number[] =>
    members.flatMap(({ turn, output, summands }) => (output === value || summands.includes(value) ? [turn] : []));
  const rings = new Map<ValueId, number>();
  for (const { output, reduces: sums } of members)
    if (!usedLater(output) && !sums) rings.set(output, ringRows(lives.get(output)!, turnsOf(output)));
  return {
    layers: members.map(({ layer }) => layer),
    leads: members.map(({ lead }) => lead),
    ...{ steps, lives, rings },
    turns: members.map(({ turn }) => turn),
    scratch: members.map(({ scratch }) => scratch),
  };
}

function livesOf(graph: InferenceGraph, members: readonly Member[], steps: readonly RowStep[]): Map<ValueId, RowLives> {
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
  const memberOfLayer = new Map(members.map((member) => [member.layer, member]));
  steps.forEach(({ layer, from, to }, step) => {
    const member = memberOfLayer.get(layer)!;
    const { cellwise, cellwiseSummands, lead } = member;
    const read = (value: ValueId, begin: number, end: number, byCell: boolean): void => {
      const life = of(value);
      for (let row = Math.max(0, begin); row < Math.min(life.read.length, end); row++) {
        life.cellwise[row] = byCell && (life.read[row] !== step || life.cellwise[row]!);
        life.read[row] = step;
      }
    };
    member.inputs.forEach((value, position) => {
      const rows = rowsRead(member, position, { from, to });
      if (rows !== undefined) read(value, rows.from, rows.to, cellwise.includes(position));
    });
    for (const value of member.summands) read(value, from - lead, to - lead, cellwiseSummands);
    const { written } = of(member.output);
    if (member.reduces) written[0] = from === 0 ? step : written[0]!;
    else for (let row = Math.max(0, from - lead); row < to - lead; row++) written[row] = step;
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
