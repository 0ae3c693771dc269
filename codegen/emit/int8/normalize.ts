import type { Target } from "../../target.ts";
import type { Unit } from "../../unit.ts";
import type { Result } from "../../quantize/graph.ts";
import { defineVariableRescale, inlined } from "./rescale.ts";

/** How sums of a row are divided by a total that is known once per row. */
export interface Normalization {
  /** C that declares what the row of `total` (a variable) shares, with names that end in `suffix`. */
  readonly open: (total: string, suffix: string) => string;
  /** C expression of the cell of a sum. */
  readonly cell: (sum: string, suffix: string) => string;
  readonly type: "int8_t" | "int32_t";
}

/** Numbers of a normalisation that a kernel may take as arguments. */
export function normalizationSettings(result: Result): Readonly<Record<string, number>> {
  const { zero, low, high } = result.type === "int32" ? { zero: 0, low: 0, high: 0 } : result;
  return { multiplier: result.multipliers[0]!, shift: result.shift, zero, low, high };
}

/**
 * @param leastTotal no total is below it
 * @param setting C expression of a number of `normalizationSettings`; by default the number
 */
export function normalizationOf(
  unit: Unit,
  target: Target,
  result: Result,
  leastTotal: number,
  setting: (name: string) => string = (name) => String(normalizationSettings(result)[name]),
): Normalization {
  unit.include("stdint.h");
  const octaves = unit.define(
    "octaves_of",
    ["uint32_t total"],
    `int bits = 0;
    for (int step = 16; step > 0; step >>= 1) {
    if (total >> step) {
    total >>= step;
    bits += step;
    }
    }
    return bits - 15;`,
    { result: "int", about: "bits of a total beyond 16" },
  );
  const reciprocal = unit.define(
    "reciprocal_of",
    ["uint32_t total", "int octaves", "int32_t multiplier"],
    `const uint32_t n = octaves > 0 ? (total + ((uint32_t)1 << (octaves - 1))) >> octaves : total << -octaves;
    return (int32_t)(((uint64_t)(0xffffffffu / n) * (uint32_t)multiplier) >> 17);`,
    { result: "int32_t", about: "multiplier / 2^17 times 2^32 / total, the total in 16 bits" },
  );
  // Functions of a cell are defined where a cell is asked for: kernels with vectors have their own.
  const rescaled = (sum: string, suffix: string): string => {
    const least = result.shift + (32 - Math.clz32(leastTotal)) - 16;
    const rescale = defineVariableRescale(unit, target, least);
    return `${rescale}(${sum}, multiplier${suffix}, ${setting("shift")} + octaves${suffix})`;
  };
  const open = (total: string, suffix: string): string =>
    `const int octaves${suffix} = ${octaves}((uint32_t)${total}); ` +
    `const int32_t multiplier${suffix} = ${reciprocal}((uint32_t)${total}, octaves${suffix}, ${setting("multiplier")});`;
  if (result.type === "int32") return { open, cell: rescaled, type: "int32_t" };
  const bound = (): string =>
    unit.define(
      "bounded",
      ["int32_t q", "int32_t zero", "int32_t low", "int32_t high"],
      `q += zero;
      q = q < low ? low : q;
      return q > high ? high : q;`,
      { result: inlined(unit, "int32_t") },
    );
  const bounds = ["zero", "low", "high"].map(setting).join(", ");
  return { open, cell: (sum, suffix) => `(int8_t)${bound()}(${rescaled(sum, suffix)}, ${bounds})`, type: "int8_t" };
}
