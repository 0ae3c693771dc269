import { depthwiseConv2d, type DepthwiseConv2dOptions } from "../../engine/ops/conv2d.ts";
import { formatShape, type Pair } from "../../engine/shape.ts";
import { normal, opCase, random, type OpCase } from "./case.ts";
import { drawWindow } from "./conv2d.ts";

interface Sizes {
  readonly x: readonly [n: number, h: number, w: number, c: number];
  readonly kernel: Pair;
  readonly stride?: number | Pair;
  readonly padding?: DepthwiseConv2dOptions["padding"];
  readonly dilation?: number | Pair;
  readonly bench?: boolean;
}

function cases({ x, kernel, stride = 1, padding = "same", dilation = 1, bench = false }: Sizes): OpCase {
  const described = typeof padding === "object" ? formatShape(padding) : padding;
  return opCase(
    `depthwiseConv2d stride ${String(stride)} padding ${described}${dilation === 1 ? "" : ` dilation ${String(dilation)}`}`,
    [normal(...x), normal(...kernel, x[3])],
    ([x, w]) => [depthwiseConv2d(x!, w!, { stride, padding, dilation })],
    { bench },
  );
}

export const depthwiseConv2dCases: readonly OpCase[] = [
  cases({ x: [1, 1, 1, 1], kernel: [1, 1] }),
  cases({ x: [2, 9, 7, 5], kernel: [3, 3], stride: 2 }),
  cases({ x: [2, 8, 8, 48], kernel: [3, 3] }),
  cases({ x: [1, 9, 8, 80], kernel: [5, 5], stride: 2 }),
  cases({ x: [1, 10, 10, 13], kernel: [9, 9] }),
  cases({ x: [3, 7, 7, 20], kernel: [7, 7], stride: 2 }),
  cases({ x: [2, 6, 5, 36], kernel: [3, 5], padding: [2, 0, 1, 4], stride: [3, 1] }),
  cases({ x: [8, 32, 32, 48], kernel: [3, 3], bench: true }),
  cases({ x: [8, 16, 16, 48], kernel: [5, 5], bench: true }),
  cases({ x: [8, 8, 8, 80], kernel: [5, 5], stride: 2, bench: true }),
  ...random(100, 2, (draw) => {
    const { n, height, width, kernel, stride, padding } = drawWindow(draw, [1, 2, 3, 3, 5, 7, 9]);
    return cases({ x: [n, height, width, draw.of([1, 3, 4, 5, 7, 8, 13, 16, 24, 33])], kernel, stride, padding });
  }),
  cases({ x: [1, 9, 8, 12], kernel: [3, 3], dilation: 2 }),
  cases({ x: [1, 11, 12, 5], kernel: [5, 3], dilation: [2, 3], stride: [1, 2] }),
  cases({ x: [8, 16, 16, 48], kernel: [5, 5], dilation: 2, bench: true }),
  ...random(60, 15, (draw) => {
    const dilation = draw.pair([1, 2, 2, 3, 4]);
    const { n, height, width, kernel, stride, padding } = drawWindow(draw, [1, 2, 3, 3, 5], dilation);
    return cases({ x: [n, height, width, draw.of([1, 3, 5, 8, 13, 16, 24])], kernel, stride, padding, dilation });
  }),
];
