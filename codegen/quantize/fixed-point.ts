import { round } from "./elementary.ts";
import { powerOfTwo } from "./powers-of-two.ts";

const mostShift = 54;

/** Whole multipliers and the shift that stand for real factors of at least 0. @throws RangeError from 2¹⁴ on */
export function fixedPoint(
  factors: readonly number[],
  largestShift = mostShift,
): { multipliers: Int32Array; shift: number } {
  const largest = Math.max(...factors);
  let shift = largestShift;
  while (round(largest * powerOfTwo(shift)) >= 2 ** 31) shift--;
  if (shift < 17) throw new RangeError(`int8: a factor of ${largest} is too large for a multiplier`);
  return { multipliers: Int32Array.from(factors, (factor) => round(factor * powerOfTwo(shift))), shift };
}
