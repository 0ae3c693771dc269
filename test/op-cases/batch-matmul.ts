import { batchMatmul } from "../../engine/ops/batch-matmul.ts";
import { transpose } from "../../engine/ops/layout.ts";
import { normal, opCase, random, type OpCase } from "./case.ts";

const batchMatmulCase = (batch: number, m: number, k: number, n: number): OpCase =>
  opCase("batchMatmul", [normal(batch, m, k), normal(batch, k, n)], ([a, b]) => [batchMatmul(a!, b!)]);

export const batchMatmulCases: readonly OpCase[] = [
  batchMatmulCase(1, 5, 7, 3),
  batchMatmulCase(4, 16, 8, 16),
  batchMatmulCase(3, 1, 70, 5),
  opCase("batchMatmul of heads", [normal(1, 6, 20)], ([x]) => {
    const heads = transpose(x!.reshape([6, 4, 5]), [1, 0, 2]);
    const y = batchMatmul(batchMatmul(heads, transpose(heads, [0, 2, 1])).softmax(), heads);
    return [transpose(y, [1, 0, 2]).reshape([1, 6, 20])];
  }),
  ...random(8, 43, (draw) =>
    batchMatmulCase(draw.integer(1, 5), draw.integer(1, 30), draw.integer(1, 30), draw.integer(1, 30)),
  ),
];
