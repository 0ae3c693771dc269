import { reduce, reduceKinds } from "../../engine/ops/reduce-axes.ts";
import { constantInput, normal, opCase, random, type OpCase } from "./case.ts";

const uses: readonly (readonly [shape: readonly number[], axes: readonly number[]])[] = [
  [
    [1, 6, 5, 4],
    [1, 2],
  ],
  [[1, 6, 5, 4], [3]],
  [
    [1, 6, 5, 4],
    [0, 1, 2, 3],
  ],
  [
    [1, 6, 5, 4],
    [1, 3],
  ],
  [[1, 9, 8], [1]],
  [[1, 7], [1]],
  [[3, 5], [0]],
  [[2, 3, 4, 5], []],
];

export const reduceAxesCases: readonly OpCase[] = [
  ...reduceKinds.flatMap((kind) =>
    uses
      .slice(0, kind === "mean" ? uses.length : 3)
      .map(([shape, axes]) =>
        opCase(`reduce ${kind} of axes ${axes.join()}`, [constantInput(normal(...shape))], ([x]) => [
          reduce(x!, kind, axes),
        ]),
      ),
  ),
  ...random(12, 37, (draw) => {
    const shape = Array.from({ length: draw.integer(1, 5) }, () => draw.integer(1, 7));
    const axes = shape.flatMap((_, axis) => (draw.integer(0, 1) === 1 ? [axis] : []));
    const kind = draw.of(reduceKinds);
    return opCase(`reduce ${kind} of axes ${axes.join()}, random`, [constantInput(normal(...shape))], ([x]) => [
      reduce(x!, kind, axes),
    ]);
  }),
];
