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
  readonly load: (pointer: string) => string;
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
    load: (pointer) => op("vle32_v", pointer),
    store: (pointer, value) => `${op("vse32_v", pointer, value)};`,
    splat: (number) => op("vfmv_v_f", number),
    op,
  };
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
  channels: number,
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
