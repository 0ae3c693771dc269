import { activate, activationNames, gelu, hardSwish, sigmoid } from "../../engine/ops/activation.ts";
import { conv2d } from "../../engine/ops/conv2d.ts";
import { add, relu, scale } from "../../engine/ops/elementwise.ts";
import { bias } from "../../engine/ops/matmul.ts";
import { fixed, normal, opCase, random, spread, type OpCase } from "./case.ts";

const shapes = [[1], [3], [4, 5], [1, 7, 5, 6], [5, 1031]];

/** Far out, where everything is flat, and around the corners of hardSwish. */
const ends = [
  -1e30, -200, -88, -20, -9, -6.4, -5.6, -5.5, -3.01, -2.99, -1e-20, 0, 1e-8, 2.99, 3.01, 5.5, 6.4, 9, 40, 1e30,
];

export const activationCases: readonly OpCase[] = [
  ...shapes.flatMap((shape) => [
    opCase("gelu", [normal(...shape)], ([x]) => [gelu(x!)]),
    opCase("sigmoid", [normal(...shape)], ([x]) => [sigmoid(x!)]),
    opCase("hardSwish", [spread(...shape)], ([x]) => [hardSwish(x!)]),
  ]),
  opCase("gelu, wide", [normal(1, 9, 9, 7)], ([x]) => [gelu(scale(x!, 3))]),
  opCase("sigmoid, wide", [normal(1, 9, 9, 7)], ([x]) => [sigmoid(scale(x!, 8))]),
  ...activationNames.map((name) =>
    opCase(`${name} far out`, [fixed(ends, [1, ends.length])], ([x]) => [activate(x!, name)]),
  ),
  ...activationNames.map((name) =>
    opCase(`conv2d, bias, ${name}, add`, [spread(1, 6, 5, 8), normal(3, 3, 8, 8), normal(8)], ([x, w, b]) => [
      add(activate(bias(conv2d(x!, w!), b!), name), x!),
    ]),
  ),
  opCase("gelu, sigmoid, hardSwish and relu of one value", [normal(1, 4, 4, 6)], ([x]) => [
    add(add(gelu(x!), sigmoid(x!)), add(hardSwish(x!), relu(x!))),
  ]),
  ...random(12, 23, (draw) => {
    const shape = [draw.integer(1, 3), draw.integer(1, 9), draw.integer(1, 9), draw.integer(1, 40)];
    const name = draw.of(activationNames);
    return opCase(`${name}, random`, [normal(...shape)], ([x]) => [activate(x!, name)]);
  }),
  ...activationNames
    .filter((name) => name !== "relu")
    .map((name) => opCase(name, [spread(8, 32, 32, 24)], ([x]) => [activate(x!, name)], { bench: true })),
];
