import { elementCount, type Shape } from "../../../engine/shape.ts";

/** Partial sums of a reduction over the batch by a kernel of its own. */
export const chunks = 8;

/** Partial sums of a reduction in a chain: many enough that threads which take whole ones end together. */
export const sumChunks = 24;

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

/** Floats of one partial sum of a chain: see assembly/chain.ts. */
export function partialFloats({ period }: Periods): number {
  return 16 + 3 * period;
}

/** Floats of a row that is padded to whole blocks of 16. */
export function roundUp16(count: number): number {
  return Math.ceil(count / 16) * 16;
}
