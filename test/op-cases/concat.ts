import { concat, pad, slice } from "../../engine/ops/concat.ts";
import { recordOne } from "../../engine/record.ts";
import { formatShape, type Padding, type Shape } from "../../engine/shape.ts";
import { normal, opCase, random, type OpCase } from "./case.ts";

const concatCase = (shapes: readonly Shape[], axis: number, bench = false): OpCase =>
  opCase(
    `concat axis ${axis}`,
    shapes.map((shape) => normal(...shape)),
    (parts) => [concat(parts, axis)],
    { bench },
  );

const sliceCase = (shape: Shape, start: Shape, size: Shape): OpCase =>
  opCase(`slice ${formatShape(size)} from ${formatShape(start)}`, [normal(...shape)], ([x]) => [
    slice(x!, start, size),
  ]);

const padCase = (shape: Shape, padding: number | Padding, value: number, bench = false): OpCase =>
  opCase(`pad ${String(padding)} with ${value}`, [normal(...shape)], ([x]) => [pad(x!, padding, value)], { bench });

/** Cells before and after any axis. */
const wideCase = (shape: Shape, before: Shape, after: Shape): OpCase =>
  opCase(`pad before ${formatShape(before)} after ${formatShape(after)}`, [normal(...shape)], ([x]) => [
    recordOne("pad", [x!], { before, after, value: -0.5 }),
  ]);

export const concatCases: readonly OpCase[] = [
  concatCase([[3]], 0),
  concatCase([[2], [3]], 0),
  concatCase(
    [
      [1, 4, 5, 3],
      [1, 4, 5, 3],
    ],
    3,
  ),
  concatCase(
    [
      [1, 4, 5, 3],
      [1, 4, 5, 8],
      [1, 4, 5, 1],
    ],
    -1,
  ),
  concatCase(
    [
      [1, 3, 4, 5],
      [1, 2, 4, 5],
    ],
    1,
  ),
  concatCase(
    [
      [1, 3, 2, 5],
      [1, 3, 4, 5],
    ],
    2,
  ),
  concatCase(
    [
      [1, 6],
      [1, 6],
    ],
    1,
  ),
  concatCase(
    [
      [1, 6],
      [1, 6],
    ],
    0,
  ),
  concatCase(
    [
      [8, 32, 32, 16],
      [8, 32, 32, 24],
    ],
    3,
    true,
  ),
  ...random(40, 16, (draw) => {
    const shape = Array.from({ length: draw.integer(1, 4) }, () => draw.integer(1, 9));
    const axis = draw.integer(0, shape.length - 1);
    const parts = Array.from({ length: draw.integer(1, 4) }, () => shape.with(axis, draw.integer(1, 20)));
    return concatCase(parts, draw.integer(0, 1) === 0 ? axis : axis - shape.length);
  }),
];

export const sliceCases: readonly OpCase[] = [
  sliceCase([1], [0], [1]),
  sliceCase([1, 6], [0, 2], [1, 3]),
  sliceCase([1, 5, 6, 8], [0, 1, 2, 0], [1, 3, 4, 8]),
  sliceCase([1, 5, 6, 8], [0, 0, 0, 3], [1, 5, 6, 4]),
  sliceCase([3, 4, 5, 2], [1, 0, 1, 1], [2, 4, 3, 1]),
  ...random(40, 17, (draw) => {
    const shape = Array.from({ length: draw.integer(2, 5) }, () => draw.integer(1, 7));
    const size = shape.map((outer) => draw.integer(1, outer));
    return sliceCase(
      shape,
      shape.map((outer, axis) => draw.integer(0, outer - size[axis]!)),
      size,
    );
  }),
];

export const padCases: readonly OpCase[] = [
  padCase([1, 1, 1, 1], 0, 0),
  padCase([1, 4, 5, 3], 1, 0),
  padCase([1, 3, 4, 5], [2, 0, 1, 3], -1.5),
  padCase([2, 5, 4, 7], [0, 1, 0, 0], 0),
  padCase([8, 32, 32, 24], 1, 0, true),
  wideCase([1, 5], [0, 2], [0, 1]),
  wideCase([1, 3, 4], [0, 0, 1], [0, 2, 2]),
  ...random(40, 18, (draw) => {
    const shape = Array.from({ length: draw.integer(2, 4) }, () => draw.integer(1, 7));
    const cells = (): number[] => shape.map((_, axis) => (axis === 0 ? 0 : draw.integer(0, 3)));
    return wideCase(shape, cells(), cells());
  }),
];
