import type { StoredWeights } from "../stored-weights.ts";

/** Registers that make up one vector. */
export const groupings = [1, 2, 4, 8] as const;

export type Grouping = (typeof groupings)[number];

/** Vector registers of the instruction set. */
export const vectorRegisters = 32;

/** C of vectors of float32 in groups of `group` registers, of as many numbers as the variable `vl` tells. */
export interface FloatVectors {
  readonly group: Grouping;
  readonly type: string;
  /** `vl` for what is left of `count` (a C expression). */
  readonly length: (count: string) => string;
  /** @param type of the numbers in memory; default float */
  readonly load: (pointer: string, type?: StoredWeights["type"]) => string;
  readonly store: (pointer: string, value: string) => string;
  readonly splat: (number: string) => string;
  /** An operation named as in the manual, `vfadd_vv` and so on, without its type. */
  readonly op: (name: string, ...operands: readonly string[]) => string;
}

export function floatVectors(group: Grouping): FloatVectors {
  const kind = `f32m${group}`;
  const op = (name: string, ...operands: readonly string[]): string =>
    `__riscv_${name}_${kind}(${[...operands, "vl"].join(", ")})`;
  return {
    group,
    type: `vfloat32m${group}_t`,
    length: (count) => `__riscv_vsetvl_e32m${group}((size_t)(${count}))`,
    load: (pointer, type = "float") => (type === "float" ? op("vle32_v", pointer) : loadBytes(group, pointer)),
    store: (pointer, value) => `${op("vse32_v", pointer, value)};`,
    splat: (number) => op("vfmv_v_f", number),
    op,
  };
}

/** Cells of 8 bits as numbers in float32: no change of the vector type, whose length they share. */
function loadBytes(group: Grouping, pointer: string): string {
  const bytes = { 1: "mf4", 2: "mf2", 4: "m1", 8: "m2" }[group];
  const cells = `__riscv_vle8_v_i8${bytes}(${pointer}, vl)`;
  return `__riscv_vfcvt_f_x_v_f32m${group}(__riscv_vsext_vf4_i32m${group}(${cells}, vl), vl)`;
}

/**
 * C that hides from the compiler what a variable holds. Loads that are the same for all tiles would else be taken out of
 * their loop and, for want of registers, spilled.
 */
export function hidden(...variables: readonly string[]): string {
  return `__asm__ volatile("" : ${variables.map((variable) => `"+r"(${variable})`).join(", ")});`;
}

/** Numbers of 32 bits in a group of registers. */
export function lanesOf(group: Grouping, vectorBits: number): number {
  return (group * vectorBits) / 32;
}

/** Lines that go over all channels, from c on as many as registers hold. */
export function channelStrips(
  { length }: { readonly length: (count: string) => string },
  channels: number | string,
  lines: readonly string[],
): string[] {
  return [
    "size_t vl;",
    `for (int c = 0; c < ${channels}; c += (int)vl) {`,
    `vl = ${length(`${channels} - c`)};`,
    ...lines,
    "}",
  ];
}
