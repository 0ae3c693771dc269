import { batchNorm, batchNormTraining, layerNorm, type Affine } from "../../engine/ops/normalize.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { constantInput, normal, opCase, positive, random, type CaseInput, type OpCase } from "./case.ts";

const affineOf = (gamma?: Tensor, beta?: Tensor): Affine | undefined => (gamma && beta ? { gamma, beta } : undefined);
const terms = (affine: boolean, c: number): CaseInput[] => (affine ? [normal(c), normal(c)] : []);

const training = (shape: number[], affine: boolean, bench = false): OpCase =>
  opCase(
    "batchNormTraining",
    [normal(...shape), ...terms(affine, shape.at(-1)!)],
    ([x, gamma, beta]) => {
      const { y, mean, variance } = batchNormTraining(x!, affineOf(gamma, beta));
      return [y, mean, variance];
    },
    { bench },
  );

const inference = (shape: number[], affine: boolean): OpCase => {
  const c = shape.at(-1)!;
  return opCase(
    "batchNorm",
    [normal(...shape), constantInput(normal(c)), constantInput(positive(c)), ...terms(affine, c)],
    ([x, mean, variance, gamma, beta]) => [batchNorm(x!, mean!, variance!, affineOf(gamma, beta))],
  );
};

const layer = (shape: number[], affine: boolean, epsilon = 1e-5): OpCase =>
  opCase(`layerNorm epsilon ${epsilon}`, [normal(...shape), ...terms(affine, shape.at(-1)!)], ([x, gamma, beta]) => [
    layerNorm(x!, affineOf(gamma, beta), epsilon),
  ]);

const shapes = [
  [6, 1],
  [9, 13],
  [2, 3, 5, 7],
  [4, 4, 4, 8],
  [3, 6, 5, 24],
  [5, 257, 3],
  [2, 9, 9, 20],
  [1, 4, 5, 6],
];

export const normalizeCases: readonly OpCase[] = [
  ...shapes.flatMap((shape) => [true, false].flatMap((affine) => [training(shape, affine), inference(shape, affine)])),
  training([8, 32, 32, 24], true, true),
  training([8, 16, 16, 40], true, true),
  ...[
    [1, 5],
    [5, 7],
    [2, 3, 5, 13],
    [2, 16, 24],
    [3, 3, 3, 64],
  ].flatMap((shape) => [true, false].map((affine) => layer(shape, affine))),
  layer([3, 9], true, 1e-2),
  ...random(20, 4, (draw) =>
    training([draw.integer(2, 5), draw.integer(2, 9), draw.integer(2, 9), draw.integer(1, 33)], draw.of([true, false])),
  ),
  ...random(20, 5, (draw) =>
    layer([draw.integer(1, 5), draw.integer(1, 9), draw.integer(4, 70)], draw.of([true, false])),
  ),
];
