import { scale } from "../../engine/ops/elementwise.ts";
import { softmax } from "../../engine/ops/softmax.ts";
import { normal, opCase, type OpCase } from "./case.ts";

const shapes = [[2], [10], [1, 3], [5, 7], [3, 10], [2, 3, 13], [2, 4, 64], [3, 100]];

export const softmaxCases: readonly OpCase[] = [
  ...shapes.map((shape) => opCase("softmax", [normal(...shape)], ([x]) => [softmax(x!)])),
  opCase("softmax of large values", [normal(4, 9)], ([x]) => [softmax(scale(x!, 20))]),
  opCase("softmax", [normal(512, 64)], ([x]) => [softmax(x!)], { bench: true }),
];
