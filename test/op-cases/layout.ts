import { reshape, transpose } from "../../engine/ops/layout.ts";
import { formatShape } from "../../engine/shape.ts";
import { normal, opCase, random, type Draw, type OpCase } from "./case.ts";

const reshapeCase = (from: readonly number[], to: readonly number[]): OpCase =>
  opCase(`reshape to ${formatShape(to)}`, [normal(...from)], ([x]) => [reshape(x!, to)]);

const transposeCase = (shape: readonly number[], permutation: readonly number[]): OpCase =>
  opCase(`transpose ${formatShape(permutation)}`, [normal(...shape)], ([x]) => [transpose(x!, permutation)]);

function drawPermutation(draw: Draw, rank: number): number[] {
  const left = Array.from({ length: rank }, (_, axis) => axis);
  return Array.from({ length: rank }, () => left.splice(draw.integer(0, left.length - 1), 1)[0]!);
}

export const layoutCases: readonly OpCase[] = [
  reshapeCase([1], []),
  reshapeCase([2, 3, 5, 7], [2, 15, 7]),
  reshapeCase([4, 6], [24]),
  reshapeCase([1, 5, 7, 3], [1, 35, 3]),
  transposeCase([3, 5], [1, 0]),
  transposeCase([2, 3, 5, 7], [0, 3, 1, 2]),
  transposeCase([2, 5, 7, 3], [0, 2, 1, 3]),
  transposeCase([64, 40], [1, 0]),
  ...random(20, 8, (draw) => {
    const rank = draw.integer(2, 4);
    return transposeCase(
      Array.from({ length: rank }, () => draw.integer(1, 9)),
      drawPermutation(draw, rank),
    );
  }),
];
