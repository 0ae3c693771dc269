import { elementCount, type Shape } from "../../../engine/shape.ts";
import type { Emitter, Operand } from "../emitter.ts";

/** Partial sums of a reduction over the batch. */
export const chunks = 8;

/** Sizes of an array [...,c] that kernels walk in periods: see assembly/channels.ts. */
export interface Periods {
  /** Elements in all. */
  readonly count: number;
  readonly channels: number;
  /** The least multiple of the channels and of 16. */
  readonly period: number;
}

export function periods(x: Shape): Periods {
  const channels = x.at(-1) ?? 1;
  let period = channels;
  while (period % 16 !== 0) period += channels;
  return { count: elementCount(x), channels, period };
}

/** The vector [c] repeated to fill a period: itself when it already does. */
export function expanded(emit: Emitter, vector: Operand, { channels, period }: Periods): Operand {
  if (channels === period) return vector;
  const table = emit.scratch(4 * period);
  emit.step("expand", [table, vector, channels, period]);
  return table;
}

/** Floats of a row that is padded to whole blocks of 16. */
export function roundUp16(count: number): number {
  return Math.ceil(count / 16) * 16;
}
