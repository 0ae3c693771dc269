import { conv2d, type Conv2dOptions } from "../../engine/ops/conv2d.ts";
import { formatShape, type Padding, type Pair } from "../../engine/shape.ts";
import { normal, opCase, random, type Draw, type OpCase } from "./case.ts";

interface Sizes {
  readonly x: readonly [n: number, h: number, w: number, ci: number];
  readonly w: readonly [kh: number, kw: number, ci: number, co: number];
  readonly stride?: number | Pair;
  readonly padding?: Conv2dOptions["padding"];
  readonly bench?: boolean;
}

function cases({ x, w, stride = 1, padding = "same", bench = false }: Sizes): OpCase {
  const described = typeof padding === "object" ? formatShape(padding) : padding;
  return opCase(
    `conv2d stride ${String(stride)} padding ${described}`,
    [normal(...x), normal(...w)],
    ([x, w]) => [conv2d(x!, w!, { stride, padding })],
    { bench },
  );
}

/** Padding, kernel and image that fit each other; output of at least one pixel. */
export function drawWindow(draw: Draw, kernels: readonly number[]) {
  const kernel = draw.pair(kernels);
  const padding: Padding = [
    draw.integer(0, kernel[0] - 1),
    draw.integer(0, kernel[0] - 1),
    draw.integer(0, kernel[1] - 1),
    draw.integer(0, kernel[1] - 1),
  ];
  const height = draw.integer(Math.max(1, kernel[0] - padding[0] - padding[1]), 11);
  const width = draw.integer(Math.max(1, kernel[1] - padding[2] - padding[3]), 11);
  return { kernel, padding, height, width, stride: draw.pair([1, 1, 2, 3]), n: draw.integer(1, 5) };
}

const channels = [1, 3, 5, 7, 8, 13, 16, 24];

export const conv2dCases: readonly OpCase[] = [
  cases({ x: [1, 1, 1, 1], w: [1, 1, 1, 1] }),
  cases({ x: [1, 3, 3, 1], w: [3, 3, 1, 1], padding: "valid" }),
  cases({ x: [2, 9, 7, 5], w: [3, 3, 5, 8], stride: 2 }),
  cases({ x: [2, 8, 8, 3], w: [3, 3, 3, 24] }),
  cases({ x: [3, 7, 5, 7], w: [5, 5, 7, 13], stride: [1, 2] }),
  cases({ x: [1, 9, 9, 3], w: [9, 9, 3, 5], padding: [1, 0, 3, 2] }),
  cases({ x: [2, 10, 6, 13], w: [1, 1, 13, 7] }),
  cases({ x: [2, 10, 7, 24], w: [1, 1, 24, 40], stride: 2 }),
  cases({ x: [5, 4, 4, 40], w: [1, 1, 40, 36] }),
  cases({ x: [2, 6, 6, 20], w: [3, 3, 20, 28] }),
  cases({ x: [2, 5, 5, 16], w: [3, 3, 16, 52], stride: 3, padding: "valid" }),
  cases({ x: [1, 6, 6, 4], w: [2, 4, 4, 6], padding: [1, 0, 1, 2] }),
  cases({ x: [1, 12, 11, 3], w: [7, 7, 3, 16], stride: 2 }),
  cases({ x: [1, 5, 6, 6], w: [5, 3, 6, 48], padding: [4, 4, 2, 2] }),
  cases({ x: [8, 32, 32, 3], w: [3, 3, 3, 24], bench: true }),
  cases({ x: [8, 32, 32, 16], w: [3, 3, 16, 16], bench: true }),
  cases({ x: [8, 32, 32, 24], w: [1, 1, 24, 48], bench: true }),
  cases({ x: [8, 16, 16, 32], w: [3, 3, 32, 32], bench: true }),
  cases({ x: [8, 8, 8, 64], w: [3, 3, 64, 64], bench: true }),
  ...random(200, 1, (draw) => {
    const { n, height, width, kernel, stride, padding } = drawWindow(draw, [1, 1, 2, 3, 3, 5, 7, 9]);
    const ci = draw.of(channels);
    return cases({ x: [n, height, width, ci], w: [...kernel, ci, draw.of(channels)], stride, padding });
  }),
];
