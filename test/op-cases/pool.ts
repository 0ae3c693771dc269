import { averagePool, globalAveragePool, maxPool, mixPool, type PoolOptions } from "../../engine/ops/pool.ts";
import { formatShape } from "../../engine/shape.ts";
import { opCase, random, spread, type OpCase } from "./case.ts";
import { drawWindow } from "./conv2d.ts";

const pools = { maxPool, averagePool, mixPool };

function cases(x: readonly number[], options: PoolOptions, bench = false): OpCase[] {
  const { kernel, stride = kernel, padding = "valid" } = options;
  const described = typeof padding === "object" ? formatShape(padding) : padding;
  return Object.entries(pools).map(([name, pool]) =>
    opCase(
      `${name} kernel ${String(kernel)} stride ${String(stride)} padding ${described}`,
      [spread(...x)],
      ([x]) => [pool(x!, options)],
      { bench },
    ),
  );
}

const globalCase = (...x: number[]): OpCase =>
  opCase("globalAveragePool", [spread(...x)], ([x]) => [globalAveragePool(x!)]);

export const poolCases: readonly OpCase[] = [
  ...cases([1, 2, 2, 1], { kernel: 2 }),
  ...cases([2, 7, 6, 5], { kernel: 3, stride: 2, padding: "same" }),
  ...cases([2, 8, 8, 24], { kernel: 3, stride: 2, padding: "same" }),
  ...cases([1, 9, 9, 13], { kernel: 5, stride: 2, padding: "same" }),
  ...cases([1, 6, 9, 7], { kernel: 7, stride: 2, padding: "same" }),
  ...cases([1, 10, 5, 16], { kernel: 9, stride: 2, padding: "same" }),
  ...cases([3, 8, 6, 3], { kernel: [2, 3], stride: [2, 1] }),
  ...cases([1, 16, 16, 20], { kernel: 5, stride: 1, padding: "same" }),
  ...cases([1, 20, 14, 9], { kernel: 3, stride: 1, padding: "same" }),
  ...cases([2, 8, 8, 12], { kernel: 9, stride: 1, padding: "same" }),
  ...cases([1, 19, 21, 8], { kernel: 7, stride: 2, padding: "same" }),
  ...cases([8, 32, 32, 24], { kernel: 3, stride: 2, padding: "same" }, true),
  ...cases([8, 16, 16, 32], { kernel: 5, stride: 1, padding: "same" }, true),
  ...cases([8, 32, 32, 32], { kernel: 9, stride: 2, padding: "same" }, true),
  ...random(40, 6, (draw) => {
    const { n, height, width, kernel, stride, padding } = drawWindow(draw, [1, 2, 3, 3, 5, 7, 9]);
    return cases([n, height, width, draw.of([1, 3, 5, 7, 8, 13, 24])], { kernel, stride, padding });
  }).flat(),
  globalCase(1, 1, 1, 1),
  globalCase(3, 4, 5, 7),
  globalCase(2, 8, 8, 64),
  globalCase(5, 4, 4, 13),
];
