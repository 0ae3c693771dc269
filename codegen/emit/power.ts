import type { Unit } from "../unit.ts";
import { defineExponential } from "./exponential.ts";
import { defineLogarithm } from "./logarithm.ts";

/**
 * Defines aᵇ and gives its name: 2 to the power of b · log₂ |a|, so that errors grow with that product, and the sign of
 * an odd b. Of a = 0 it is 0, or 1 where b is 0.
 */
export function definePower(unit: Unit): string {
  const exp2 = defineExponential(unit);
  const log = defineLogarithm(unit);
  return unit.define(
    "power_of",
    ["float a", "float b"],
    `float t, y;
    if (a == 0.0f) {
    return b == 0.0f ? 1.0f : 0.0f;
    }
    t = b * 1.44269504f * ${log}(a < 0.0f ? -a : a);
    y = ${exp2}(t < 0.0f ? t : -t);
    y = t < 0.0f ? y : 1.0f / y;
    return a < 0.0f && b > -16777216.0f && b < 16777216.0f && ((int32_t)b & 1) != 0 ? -y : y;`,
    { result: "float", about: "a to the power of b" },
  );
}

/** Largest whole exponent whose power is written out as products. */
const mostProducts = 16;

/** Statements that give xᵇ for a constant b. */
export function powerOf(unit: Unit, exponent: number, literal: string): string {
  if (!Number.isInteger(exponent) || Math.abs(exponent) > mostProducts)
    return `return ${definePower(unit)}(x, ${literal});`;
  const squares = [...Math.abs(exponent).toString(2)]
    .slice(1)
    .flatMap((bit) => ["y *= y;", ...(bit === "1" ? ["y *= x;"] : [])]);
  const y = exponent === 0 ? "1.0f" : "x";
  return [`float y = ${y};`, ...squares, exponent < 0 ? "return 1.0f / y;" : "return y;"].join("\n");
}
