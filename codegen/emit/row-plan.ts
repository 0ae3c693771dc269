import { range } from "../../engine/range.ts";
import type { Axis } from "./spans.ts";

/** An output row that a row of the input is a tap of. */
export interface RowTap {
  readonly tap: number;
  readonly output: number;
  /** Whether it is the first, or the last, row of the input that the output row has. */
  readonly first: boolean;
  readonly last: boolean;
}

/** What each row of the input does, one after the other, where sums of output rows take turns in slots. */
export interface RowPlan {
  readonly steps: readonly (readonly RowTap[])[];
  /** Output row r is in slot `r % slots`. */
  readonly slots: number;
  /** From step `from` on, `turns` times the same `period` steps. */
  readonly from: number;
  readonly period: number;
  readonly turns: number;
}

/**
 * @param slotsFor how many sums must be there at once for a row of the input
 * @returns undefined where taps are apart or an output row has no row of the input
 */
export function rowPlan(
  { input, output, kernel, stride, dilation, padding }: Axis,
  slotsFor: (taps: readonly RowTap[]) => number,
): RowPlan | undefined {
  const firstOf = (row: number): number => Math.max(0, row * stride - padding);
  const lastOf = (row: number): number => Math.min(input, row * stride - padding + kernel) - 1;
  const rows = range(output);
  if (dilation !== 1 || rows.some((row) => firstOf(row) > lastOf(row))) return undefined;
  const steps = range(Math.max(...rows.map(lastOf)) + 1).map((at) =>
    rows
      .filter((row) => firstOf(row) <= at && at <= lastOf(row))
      .map((row) => ({
        ...{ tap: at - row * stride + padding, output: row },
        ...{ first: at === firstOf(row), last: at === lastOf(row) },
      })),
  );
  const slots = Math.max(1, ...steps.map(slotsFor));
  const period = stride * slots;
  const keys = steps.map((taps) =>
    taps.map(({ tap, output: row, first, last }) => [tap, row % slots, first, last].join()).join(";"),
  );
  const turnsFrom = (from: number): number => {
    let count = 0;
    while (from + count < keys.length && keys[from + count] === keys[from + (count % period)]) count++;
    return Math.floor(count / period);
  };
  const turns = range(Math.min(steps.length, kernel + period)).map(turnsFrom);
  const most = Math.max(...turns);
  return { steps, slots, period, from: turns.indexOf(most), turns: most };
}

/** Strips of outputs of one channel, some columns wide, from the first row to the last. */
export interface StripCost {
  readonly width: number;
  /** Of one inference, estimated. */
  readonly instructions: number;
  readonly bytes: number;
}

/** Rows of the input whose code is written out. */
export function rowsWritten({ steps, period, turns }: RowPlan): number {
  return steps.length - Math.max(0, turns - 1) * period;
}

/** C of all steps, with a loop where they are the same again and again. */
export function rowPlanText(
  { steps, from, period, turns }: RowPlan,
  text: (taps: readonly RowTap[]) => string[],
): string[] {
  if (turns < 2) return steps.flatMap(text);
  return [
    ...steps.slice(0, from).flatMap(text),
    `for (int turn = 0; turn < ${turns}; turn++) {`,
    ...steps.slice(from, from + period).flatMap(text),
    "}",
    ...steps.slice(from + turns * period).flatMap(text),
  ];
}
