import type { Result } from "../graph.ts";
import { powerOfTwo } from "../powers-of-two.ts";
import type { Operand } from "./operand.ts";
import { rescale } from "./rescale.ts";

/** Divides sums by `total`, 1 … 2³¹ − 1, and stores them as the cells from `at` on. */
export function storeNormalized(y: Operand, result: Result, sums: Int32Array, total: number, at: number): void {
  const octaves = 16 - Math.clz32(total);
  const scaled = octaves > 0 ? (total + powerOfTwo(octaves - 1)) >>> octaves : total * powerOfTwo(-octaves);
  const reciprocal = Math.floor((2 ** 32 - 1) / scaled);
  const multiplier = Math.floor((reciprocal * result.multipliers[0]) / 2 ** 17);
  for (let c = 0; c < sums.length; c++) {
    const value = rescale(sums[c], multiplier, result.shift + octaves);
    y.cells[at + c] = result.type === "int32" ? value : saturate(value + result.zero, result.low, result.high);
  }
}

function saturate(q: number, low: number, high: number): number {
  return q < low ? low : q > high ? high : q;
}
