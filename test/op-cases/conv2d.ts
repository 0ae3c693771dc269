import { conv2d, type Conv2dOptions } from "../../engine/ops/conv2d.ts";
import { formatShape, kernelExtent, type Padding, type Pair } from "../../engine/shape.ts";
import { normal, opCase, random, type Draw, type OpCase } from "./case.ts";

interface Sizes {
  readonly x: readonly [n: number, h: number, w: number, ci: number];
  readonly w: readonly [kh: number, kw: number, inputs: number, co: number];
  readonly stride?: number | Pair;
  readonly padding?: Conv2dOptions["padding"];
  readonly dilation?: number | Pair;
  readonly groups?: number;
  readonly bench?: boolean;
}

function cases({ x, w, stride = 1, padding = "same", dilation = 1, groups = 1, bench = false }: Sizes): OpCase {
  const described = typeof padding === "object" ? formatShape(padding) : padding;
  const rare =
    (dilation === 1 ? "" : ` dilation ${String(dilation)}`) + (groups === 1 ? "" : ` groups ${String(groups)}`);
  return opCase(
    `conv2d stride ${String(stride)} padding ${described}${rare}`,
    [normal(...x), normal(...w)],
    ([x, w]) => [conv2d(x!, w!, { stride, padding, dilation, groups })],
    { bench },
  );
}

/** Padding, kernel and image that fit each other; output of at least one pixel. */
export function drawWindow(draw: Draw, kernels: readonly number[], dilation: Pair = [1, 1]) {
  const kernel = draw.pair(kernels);
  const [tall, wide] = kernelExtent(kernel, dilation);
  const padding: Padding = [
    draw.integer(0, tall - 1),
    draw.integer(0, tall - 1),
    draw.integer(0, wide - 1),
    draw.integer(0, wide - 1),
  ];
  const height = draw.integer(Math.max(1, tall - padding[0] - padding[1]), Math.max(11, tall));
  const width = draw.integer(Math.max(1, wide - padding[2] - padding[3]), Math.max(11, wide));
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
  cases({ x: [1, 9, 8, 5], w: [3, 3, 5, 7], dilation: 2 }),
  cases({ x: [1, 12, 13, 3], w: [3, 3, 3, 8], dilation: [3, 2], stride: 2 }),
  cases({ x: [2, 7, 9, 4], w: [3, 2, 4, 16], dilation: [1, 4], padding: [1, 1, 2, 2], stride: [1, 2] }),
  cases({ x: [1, 7, 6, 12], w: [3, 3, 4, 6], groups: 3 }),
  cases({ x: [1, 5, 8, 16], w: [1, 1, 4, 24], groups: 4 }),
  cases({ x: [1, 8, 5, 6], w: [3, 3, 1, 6], groups: 6, stride: 2 }),
  cases({ x: [1, 6, 6, 5], w: [3, 5, 1, 15], groups: 5, dilation: 2, padding: 4 }),
  cases({ x: [8, 32, 32, 16], w: [3, 3, 16, 16], dilation: 2, bench: true }),
  cases({ x: [8, 16, 16, 32], w: [3, 3, 32, 32], dilation: 2, bench: true }),
  cases({ x: [8, 16, 16, 32], w: [3, 3, 16, 32], groups: 2, bench: true }),
  cases({ x: [8, 16, 16, 64], w: [3, 3, 8, 64], groups: 8, bench: true }),
  cases({ x: [8, 16, 16, 64], w: [3, 3, 4, 64], groups: 16, bench: true }),
  cases({ x: [8, 16, 16, 64], w: [1, 1, 16, 64], groups: 4, bench: true }),
  ...random(120, 14, (draw) => {
    const dilation = draw.pair([1, 1, 2, 3, 4]);
    const { n, height, width, kernel, stride, padding } = drawWindow(draw, [1, 2, 3, 3, 5], dilation);
    const groups = draw.of([1, 1, 2, 3, 4]);
    const inputs = draw.of([1, 2, 3, 4, 7, 8]);
    const outputs = draw.of([1, 2, 3, 5, 8, 12]);
    const x = [n, height, width, groups * inputs] as const;
    return cases({ x, w: [...kernel, inputs, groups * outputs], stride, padding, dilation, groups });
  }),
];
