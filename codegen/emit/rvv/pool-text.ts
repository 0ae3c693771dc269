import type { FloatVectors } from "./vectors.ts";

export type PoolOp = "maxPool" | "averagePool" | "mixPool";

/** The C of a pool's windows by vectors of channels. */
export interface PoolText {
  readonly kind: string;
  /** Declares what a window gathers, and the variable `v`. */
  readonly open: readonly string[];
  /** Adds the cells at a pointer. */
  readonly gather: (pointer: string) => readonly string[];
  /** Leaves the result in `v`. */
  readonly close: readonly string[];
}

const kinds = { maxPool: "max_pool", averagePool: "average_pool", mixPool: "mix_pool" } as const;

/** The factor of a sum of a window with so many cells; a mix pool halves it. */
export function averageOf(op: PoolOp, cells: number): number {
  return 1 / (cells * (op === "mixPool" ? 2 : 1));
}

/** @param average C expression of the factor of a sum */
export function poolText(op: PoolOp, { type, op: vector, splat, load }: FloatVectors, average: string): PoolText {
  const largest = op !== "averagePool";
  const sums = op !== "maxPool";
  const mean = vector("vfmul_vf", "sum", average);
  const value = { maxPool: "largest", averagePool: mean, mixPool: vector("vfmacc_vf", mean, "0.5f", "largest") }[op];
  return {
    kind: kinds[op],
    open: [
      ...(largest ? [`${type} largest = ${splat("-0x1.fffffep127f")};`] : []),
      ...(sums ? [`${type} sum = ${splat("0.0f")};`] : []),
      `${type} v;`,
    ],
    gather: (pointer) => [
      `v = ${load(pointer)};`,
      ...(largest ? [`largest = ${vector("vfmax_vv", "largest", "v")};`] : []),
      ...(sums ? [`sum = ${vector("vfadd_vv", "sum", "v")};`] : []),
    ],
    close: [`v = ${value};`],
  };
}
