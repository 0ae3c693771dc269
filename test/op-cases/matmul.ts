import { bias, matmul } from "../../engine/ops/matmul.ts";
import { normal, opCase, random, type OpCase } from "./case.ts";

interface Sizes {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly bench?: boolean;
}

function cases({ m, k, n, transposeA = false, transposeB = false, bench = false }: Sizes): OpCase {
  return opCase(
    `matmul${transposeA ? " transposeA" : ""}${transposeB ? " transposeB" : ""}`,
    [transposeA ? normal(k, m) : normal(m, k), transposeB ? normal(n, k) : normal(k, n)],
    ([a, b]) => [matmul(a!, b!, { transposeA, transposeB })],
    { bench },
  );
}

const biasCase = (...x: number[]): OpCase =>
  opCase("bias", [normal(...x), normal(x.at(-1)!)], ([x, b]) => [bias(x!, b!)]);

export const matmulCases: readonly OpCase[] = [
  cases({ m: 1, k: 1, n: 1 }),
  cases({ m: 128, k: 64, n: 10 }),
  cases({ m: 5, k: 64, n: 10, transposeB: true }),
  cases({ m: 7, k: 13, n: 33, transposeA: true }),
  cases({ m: 3, k: 300, n: 5, transposeA: true, transposeB: true }),
  cases({ m: 1, k: 40, n: 100 }),
  cases({ m: 300, k: 1, n: 2 }),
  cases({ m: 128, k: 128, n: 128, bench: true }),
  cases({ m: 256, k: 256, n: 256, bench: true }),
  ...random(80, 3, (draw) =>
    cases({
      m: draw.integer(1, 40),
      k: draw.integer(1, 40),
      n: draw.integer(1, 40),
      transposeA: draw.of([false, true]),
      transposeB: draw.of([false, true]),
    }),
  ),
  biasCase(1, 1),
  biasCase(5, 13),
  biasCase(2, 3, 5, 7),
  biasCase(3, 4, 24),
];
