import { add, multiply, relu, scale } from "../../engine/ops/elementwise.ts";
import { normal, opCase, spread, type OpCase } from "./case.ts";

const shapes = [[1], [3], [4, 5], [2, 3, 5, 7], [1, 8, 8, 16], [5, 1031]];

export const elementwiseCases: readonly OpCase[] = [
  ...shapes.flatMap((shape) => [
    opCase("add", [normal(...shape), normal(...shape)], ([a, b]) => [add(a!, b!)]),
    opCase("multiply", [normal(...shape), normal(...shape)], ([a, b]) => [multiply(a!, b!)]),
    opCase("scale by -1.75", [normal(...shape)], ([x]) => [scale(x!, -1.75)]),
    opCase("relu", [spread(...shape)], ([x]) => [relu(x!)]),
  ]),
  opCase("add of itself", [normal(3, 7)], ([x]) => [add(x!, x!)]),
  opCase("square", [normal(3, 7)], ([x]) => [multiply(x!, x!)]),
  opCase("relu", [spread(8, 32, 32, 24)], ([x]) => [relu(x!)], { bench: true }),
  opCase("add", [normal(8, 32, 32, 24), normal(8, 32, 32, 24)], ([a, b]) => [add(a!, b!)], { bench: true }),
];
