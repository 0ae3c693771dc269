import { ConfigError } from "../../engine/errors.ts";
import { round } from "./elementary.ts";
import { powerOfTwo } from "./powers-of-two.ts";

const mostShift = 54;
const leastShift = 17;

/**
 * Whole multipliers and the shift that stand for real factors of at least 0.
 * @param layer whose sums are rescaled by them
 * @throws ConfigError naming the layer from a factor of 2¹⁴ on
 */
export function fixedPoint(
  layer: string,
  factors: readonly number[],
  largestShift = mostShift,
): { multipliers: Int32Array; shift: number } {
  const largest = Math.max(...factors);
  let shift = largestShift;
  while (shift >= leastShift && round(largest * powerOfTwo(shift)) >= 2 ** 31) shift--;
  if (shift < leastShift)
    throw new ConfigError(
      `int8: ${layer}: sums are to be rescaled by ${largest}, less than ${2 ** (31 - leastShift)} is held; keep this layer in float32`,
    );
  return { multipliers: Int32Array.from(factors, (factor) => round(factor * powerOfTwo(shift))), shift };
}
