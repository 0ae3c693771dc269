import { mean, sumOfSquares, sumRows } from "../../engine/ops/reduce.ts";
import { constantInput, normal, opCase, positive, type OpCase } from "./case.ts";

const shapes = [[1], [7], [5, 13], [2, 3, 5, 7], [3, 1021], [4, 16, 16, 5]];

export const reduceCases: readonly OpCase[] = [
  ...shapes.flatMap((shape) => [
    opCase("mean", [positive(...shape)], ([x]) => [mean(x!)]),
    opCase("sumRows", [constantInput(normal(...shape))], ([x]) => [sumRows(x!)]),
    opCase("sumOfSquares", [constantInput(normal(...shape))], ([x]) => [sumOfSquares([x!])]),
  ]),
  opCase("sumOfSquares", [normal(1), normal(3, 3), normal(2, 3, 5, 7), normal(4099)].map(constantInput), (tensors) => [
    sumOfSquares(tensors),
  ]),
];
