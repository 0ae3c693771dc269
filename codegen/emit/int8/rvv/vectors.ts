import type { Grouping } from "../../rvv/vectors.ts";

/** C of vectors of int32 in groups of `group` registers with `vl` numbers, and of int16 and int8 with as many. */
export interface IntegerVectors {
  readonly group: Grouping;
  /** `vl` for what is left of `count` (a C expression). */
  readonly length: (count: string) => string;
  readonly type: (bits: Bits) => string;
  readonly load: (bits: Bits, pointer: string) => string;
  readonly store: (bits: Bits, pointer: string, value: string) => string;
  /** An operation whose result has `bits` bits, named as in the manual without its type. */
  readonly op: (bits: Bits, name: string, ...operands: readonly string[]) => string;
}

type Bits = 8 | 16 | 32;

/** Rounds halves up. */
export const halvesUp = "__RISCV_VXRM_RNU";

export function integerVectors(group: Grouping): IntegerVectors {
  const kind = (bits: Bits): string => {
    const registers = (group * bits) / 32;
    return `${bits}${registers < 1 ? `mf${1 / registers}` : `m${registers}`}`;
  };
  const op: IntegerVectors["op"] = (bits, name, ...operands) =>
    `__riscv_${name}_i${kind(bits)}(${[...operands, "vl"].join(", ")})`;
  return {
    group,
    length: (count) => `__riscv_vsetvl_e32m${group}((size_t)(${count}))`,
    type: (bits) => `vint${kind(bits)}_t`,
    load: (bits, pointer) => op(bits, `vle${bits}_v`, pointer),
    store: (bits, pointer, value) => `${op(bits, `vse${bits}_v`, pointer, value)};`,
    op,
  };
}

/** The cells of a vector of int8, each plus 128, as offsets of bytes. */
export function byteOffsets({ group }: IntegerVectors, value: string): string {
  const registers = group / 4;
  const kind = registers < 1 ? `mf${1 / registers}` : `m${registers}`;
  const moved = `__riscv_vxor_vx_i8${kind}(${value}, -128, vl)`;
  return `__riscv_vreinterpret_v_i8${kind}_u8${kind}(${moved})`;
}

/** The cells of a vector of int16 as offsets. */
export function wordOffsets({ group }: IntegerVectors, value: string): string {
  const kind = group === 1 ? "mf2" : `m${group / 2}`;
  return `__riscv_vreinterpret_v_i16${kind}_u16${kind}(${value})`;
}
