import { dropout } from "../../engine/ops/dropout.ts";
import { stepSeed } from "../../engine/random.ts";
import { fixed, normal, opCase, type OpCase } from "./case.ts";

const cases = (shape: readonly number[], rate: number, stream: number): OpCase =>
  opCase(`dropout rate ${rate} stream ${stream}`, [normal(...shape), fixed([...stepSeed(3, stream)])], ([x, seed]) => [
    dropout(x!, seed!, rate, stream),
  ]);

export const dropoutCases: readonly OpCase[] = [
  cases([7], 0, 0),
  cases([5, 13], 0.1, 1),
  cases([2, 5, 5, 7], 0.25, 2),
  cases([3, 64], 0.5, 3),
  cases([1, 1, 1021], 0.9, 1_000_003),
];
