import { gather } from "../../engine/ops/gather.ts";
import { constantInput, normal, opCase, random, type OpCase } from "./case.ts";

const gatherCase = (shape: readonly number[], axis: number, indices: readonly number[]): OpCase =>
  opCase(`gather ${indices.join()} of axis ${axis}`, [constantInput(normal(...shape))], ([x]) => [
    gather(x!, axis, indices),
  ]);

export const gatherCases: readonly OpCase[] = [
  gatherCase([1, 5, 6, 4], 1, [0, 2, 4]),
  gatherCase([1, 5, 6, 4], 2, [5, 4, 3, 2, 1, 0]),
  gatherCase([1, 5, 6, 4], 3, [3, 3, 0, 1, 2]),
  gatherCase([1, 7], 0, [0, 0, 0]),
  gatherCase([1, 7, 3], 1, [4]),
  gatherCase([4, 3], 0, [2]),
  ...random(12, 41, (draw) => {
    const shape = Array.from({ length: draw.integer(1, 4) }, () => draw.integer(1, 7));
    const axis = draw.integer(0, shape.length - 1);
    const indices = Array.from({ length: draw.integer(1, 9) }, () => draw.integer(0, shape[axis]! - 1));
    return gatherCase(shape, axis, indices);
  }),
];
