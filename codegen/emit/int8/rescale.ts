import type { Target } from "../../target.ts";
import type { Unit } from "../../unit.ts";

/** Where the result of a rescaling goes: moved by a zero point, then bounded. */
interface Bounded {
  readonly zero: number;
  readonly low: number;
  readonly high: number;
}

/** What a kernel returns: as a function of its own it has all registers to itself. */
export function apart(unit: Unit): string {
  return `${unit.prefix.toUpperCase()}_NOINLINE void`;
}

/** What a function returns that is to be part of its caller. */
export function inlined(unit: Unit, type: string): string {
  return `${unit.prefix.toUpperCase()}_INLINE ${type}`;
}

/** Defines `int32_t f(int32_t acc, int32_t multiplier)`: (acc · multiplier + 2^(shift − 1)) >> shift. */
export function defineRescale(unit: Unit, target: Target, shift: number): string {
  unit.include("stdint.h");
  return unit.define("rescale", ["int32_t acc", "int32_t multiplier"], `return ${rescaled(target, shift, 0)};`, {
    result: inlined(unit, "int32_t"),
  });
}

/** A constant that a kernel takes, so that layers of one shape share their code. */
interface Setting {
  readonly type: "int32_t" | "int64_t" | "int";
  readonly name: string;
  readonly argument: string;
}

/** The C of a requantisation: settings of its layer, and the expression of the cell of a sum. */
export interface Requantized {
  readonly settings: readonly Setting[];
  readonly cell: (acc: string, multiplier: string) => string;
}

/**
 * Rescaling, zero point and saturation. Where the zero point can join the constant that rounds, that and the shift are
 * settings whose names end in `suffix`.
 */
export function requantized(
  unit: Unit,
  target: Target,
  shift: number,
  { zero, low, high }: Bounded,
  suffix: string,
): Requantized {
  unit.include("stdint.h");
  const bounded = `q = q < ${low} ? ${low} : q;\nreturn q > ${high} ? ${high} : q;`;
  const result = { result: inlined(unit, "int32_t") };
  const acc = ["int32_t acc", "int32_t multiplier"];
  if (!zeroJoins(target, shift)) {
    const q = `int32_t q = ${rescaled(target, shift, 0)}${sum(zero)};`;
    const name = unit.define("requantize", acc, `${q}\n${bounded}`, result);
    return { settings: [], cell: (value, multiplier) => `${name}(${value}, ${multiplier})` };
  }
  const wide = target.bits === 64;
  const type = wide ? "int64_t" : "int32_t";
  const q = wide
    ? "(int32_t)(((int64_t)acc * multiplier + rounding) >> shift)"
    : "((int32_t)(((int64_t)acc * multiplier) >> 32) + rounding) >> shift";
  const name = unit.define(
    "requantize",
    [...acc, `${type} rounding`, "int shift"],
    `int32_t q = ${q};\n${bounded}`,
    result,
  );
  const left = BigInt(wide ? shift : shift - 32);
  const rounding = (1n << (left - 1n)) + (BigInt(zero) << left);
  const names = [`rounding${suffix}`, `shift${suffix}`] as const;
  return {
    settings: [
      { type, name: names[0], argument: wide ? `(int64_t)(${rounding}LL)` : String(rounding) },
      { type: "int", name: names[1], argument: String(left) },
    ],
    cell: (value, multiplier) => `${name}(${value}, ${multiplier}, ${names.join(", ")})`,
  };
}

/**
 * Defines `int32_t f(int32_t acc, int32_t multiplier, int shift)` for shifts of `least` and more that are known when
 * the code runs.
 */
export function defineVariableRescale(unit: Unit, target: Target, least: number): string {
  unit.include("stdint.h");
  return unit.define(
    "rescale_by",
    ["int32_t acc", "int32_t multiplier", "int shift"],
    target.bits === 64 || least < 33
      ? "return (int32_t)(((int64_t)acc * multiplier + ((int64_t)1 << (shift - 1))) >> shift);"
      : "return ((int32_t)(((int64_t)acc * multiplier) >> 32) + ((int32_t)1 << (shift - 33))) >> (shift - 32);",
    { result: inlined(unit, "int32_t") },
  );
}

function sum(constant: number): string {
  return constant === 0 ? "" : constant < 0 ? ` - ${-constant}` : ` + ${constant}`;
}

/** Whether a zero point can join the constant that rounds. */
export function zeroJoins({ bits }: Target, shift: number): boolean {
  return bits === 64 ? shift <= 54 : shift >= 33 && shift <= 54;
}

/** A machine with 64-bit registers takes the formula as it stands; others only the upper half of the product. */
function rescaled({ bits }: Target, shift: number, zero: number): string {
  if (bits === 64 || shift < 33) {
    const half = (1n << BigInt(shift - 1)) + (BigInt(zero) << BigInt(shift));
    return `(int32_t)(((int64_t)acc * multiplier + (int64_t)(${half}LL)) >> ${shift})`;
  }
  const left = shift - 32;
  return `(((int32_t)(((int64_t)acc * multiplier) >> 32)${sum(2 ** (left - 1) + zero * 2 ** left)}) >> ${left})`;
}
