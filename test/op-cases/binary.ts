import { binary, binaryKinds, type BinaryKind } from "../../engine/ops/binary.ts";
import { reduce } from "../../engine/ops/reduce-axes.ts";
import { constantInput, normal, opCase, positive, random, type Draw, type OpCase } from "./case.ts";

const shapes: readonly (readonly [a: readonly number[], b: readonly number[]])[] = [
  [
    [1, 5],
    [1, 5],
  ],
  [
    [1, 4, 5, 6],
    [1, 4, 5, 6],
  ],
  [
    [1, 4, 5, 6],
    [1, 1, 1, 6],
  ],
  [
    [1, 4, 5, 6],
    [1, 4, 1, 1],
  ],
  [
    [1, 3, 7],
    [1, 1, 1],
  ],
  [
    [1, 3, 1],
    [1, 1, 7],
  ],
  [
    [2, 1, 5, 1],
    [2, 3, 1, 4],
  ],
  [
    [7, 33],
    [7, 1],
  ],
];

function binaryCase(name: string, kind: BinaryKind, a: readonly number[], b: readonly number[]): OpCase {
  const inputs = [kind === "power" ? positive(...a) : normal(...a), positive(...b)].map(constantInput);
  return opCase(`${name} ${kind}`, inputs, ([a, b]) => [binary(a!, b!, kind)]);
}

function repeated(draw: Draw, shape: readonly number[]): number[] {
  return shape.map((size) => draw.of([size, size, 1]));
}

export const binaryCases: readonly OpCase[] = [
  ...binaryKinds.flatMap((kind) =>
    shapes
      // All kinds walk alike.
      .filter((_, index) => kind === "multiply" || index === 0 || index === 2)
      .map(([a, b]) => binaryCase("binary", kind, a, b)),
  ),
  opCase("binary: channels scaled by what they hold", [constantInput(normal(1, 6, 5, 8))], ([x]) => [
    binary(x!, reduce(x!, "mean", [1, 2]).sigmoid(), "multiply").relu(),
  ]),
  ...random(16, 31, (draw) => {
    const shape = Array.from({ length: draw.integer(1, 5) }, () => draw.integer(1, 7));
    const kind = draw.of(binaryKinds);
    return binaryCase("binary, random", kind, repeated(draw, shape), repeated(draw, shape));
  }),
];
