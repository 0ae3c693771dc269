import { range } from "../../../engine/range.ts";
import type { Target } from "../../target.ts";

/** In which numbers a kernel sums products of int8. All give the same integers where their bounds hold. */
export interface Sums {
  /** C type of a sum. */
  readonly type: "int32_t" | "float" | "double";
  /** Channels of one sum: two stand in a double as upper · 2²⁶ + lower. */
  readonly packed: 1 | 2;
  /** Largest |x| · Σ|w| of a channel for which it is exact. */
  readonly bound: number;
  /** Weights are turned into numbers of this type once per block of channels, in working memory. */
  readonly widened: boolean;
  /** Instructions that read one input, and that multiply and add. */
  readonly read: number;
  readonly product: number;
  /** Instructions for each channel of a sum from clearing it to having its integer. */
  readonly finish: number;
}

const fieldBits = 26;

export const int32: Sums = {
  type: "int32_t",
  packed: 1,
  bound: 2 ** 31 - 1,
  widened: false,
  read: 1,
  product: 2,
  finish: 1,
};
const float: Sums = { type: "float", packed: 1, bound: 2 ** 24 - 1, widened: true, read: 2, product: 1, finish: 4 };
const double: Sums = { type: "double", packed: 2, bound: 2 ** 25 - 1, widened: true, read: 2, product: 1, finish: 6 };

/** The sums that a target is quick at and that hold `largest`, those of integers last. */
export function exactSums(target: Target, largest: number): readonly Sums[] {
  const quick = { int32: [], float32: [float], packed: [double] }[target.integerSums];
  return [...quick.filter(({ bound }) => largest <= bound), int32];
}

/** C that fills `wide` with `count` sums' weights from int8 `block`, `unroll` at a turn. */
export function widenText({ type, packed }: Sums, count: string, unroll: number): string[] {
  const value = (i: string): string =>
    packed === 2
      ? `(double)((int64_t)block[2 * (${i}) + 1] * ${2 ** fieldBits} + block[2 * (${i})])`
      : `(${type})block[${i}]`;
  return [
    `for (int i = 0; i < ${count}; i += ${unroll}) {`,
    ...range(unroll).map((u) => `wide[i + ${u}] = ${value(`i + ${u}`)};`),
    "}",
  ];
}

/** C that declares the integers of a sum, by the names of its channels. */
export function integersText({ type, packed }: Sums, value: string, names: readonly string[]): string {
  if (type === "int32_t") return "";
  if (packed === 1) return `int32_t ${names[0]!} = (int32_t)${value};`;
  const lower = names[0]!;
  const whole = `const int64_t whole = (int64_t)${value};`;
  const field = `(int32_t)((int64_t)((uint64_t)whole << ${64 - fieldBits}) >> ${64 - fieldBits})`;
  return names.length === 1
    ? `int32_t ${lower} = (int32_t)${value};`
    : `${whole} int32_t ${lower} = ${field}; int32_t ${names[1]!} = (int32_t)((whole - ${lower}) >> ${fieldBits});`;
}

/** C type of sums that wait in memory for the function that requantises them. */
export function storedSum({ type, packed }: Sums): Sums["type"] {
  return packed === 1 ? "int32_t" : type;
}
