import type { Requantization } from "../graph.ts";
import { powerOfTwo } from "../powers-of-two.ts";

/**
 * (acc · multiplier + 2^(shift − 1)) >> shift of docs/int8.md for a 32-bit acc, multiplier 0 … 2³¹ − 1 and shift
 * 17 … 62, whose result has 32 bits. The product is taken apart so that doubles hold every part exactly.
 */
export function rescale(acc: number, multiplier: number, shift: number): number {
  const scaled = acc * (multiplier >>> 16) + Math.floor((acc * (multiplier & 0xffff)) / 65536);
  return Math.floor((scaled + powerOfTwo(shift - 17)) / powerOfTwo(shift - 16)) | 0;
}

/** Rescaled, zero point added, saturated. */
export function requantize(acc: number, at: Requantization, channel: number): number {
  const { multipliers, shift, zero, low, high } = at;
  const q = rescale(acc, multipliers[multipliers.length === 1 ? 0 : channel]!, shift) + zero;
  return q < low ? low : q > high ? high : q;
}
