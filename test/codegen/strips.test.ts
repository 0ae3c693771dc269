import { expect, test } from "vitest";
import { generate } from "../../codegen/index.ts";
import { depthwiseConv2d } from "../../engine/ops/conv2d.ts";
import { averagePool, maxPool, mixPool } from "../../engine/ops/pool.ts";
import { randomNormal } from "../../engine/random.ts";
import { constant } from "../../engine/record.ts";
import { elementCount, formatShape, type Shape } from "../../engine/shape.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { CProgram, shareOfTolerance, strict } from "./c-program.ts";
import { expected, lowered } from "./graphs.ts";

const table = (...shape: number[]): Tensor =>
  constant(
    Float32Array.from({ length: elementCount(shape) }, (_, i) => randomNormal(2, i)),
    shape,
  );

const cased = (name: string, shape: Shape, build: (x: Tensor) => Tensor) => ({
  name: `${name} ${formatShape(shape)}`,
  graph: lowered(shape, build),
  image: Float32Array.from({ length: elementCount(shape) }, (_, i) => randomNormal(3, i)),
});

const windows = [
  [1, "same"],
  [2, "same"],
  [1, "valid"],
  [2, "valid"],
  [1, [1, 0, 0, 1]],
  [2, [0, 1, 1, 0]],
] as const;

const described = (op: string, stride: number, padding: unknown): string => `${op} ${stride} ${String(padding)}`;

test("depthwise convolutions and pools in strips agree with the reference", { timeout: 120_000 }, async () => {
  const cases = windows.flatMap(([stride, padding], at) => {
    const shape = at % 2 === 0 ? [1, 24, 17, 24] : [1, 31, 24, 24];
    return [
      cased(described("depthwise", stride, padding), shape, (x) =>
        depthwiseConv2d(x, table(3, 3, 24), { stride, padding })
          .bias(table(24))
          .relu(),
      ),
      cased(described("maxPool", stride, padding), shape, (x) => maxPool(x, { kernel: stride + 1, stride })),
      cased(described("averagePool", stride, padding), shape, (x) => averagePool(x, { kernel: 3, stride, padding })),
      cased(described("mixPool", stride, padding), shape, (x) => mixPool(x, { kernel: 3, stride, padding })),
    ];
  });
  const codes = cases.map(({ graph }, index) =>
    generate({ graph, name: "strips" }, { target: "host", precision: "float32", plan: "direct", prefix: `n${index}` }),
  );
  const inStrips = codes.filter(({ files }) => files.some(({ text }) => /strips of \d columns/.test(text)));
  expect(inStrips.length).toBe(codes.length);
  await using program = await CProgram.write(codes, { together: true });
  const outputs = await program.runOnHost(
    "gcc",
    [...strict, "-O0"],
    cases.map(({ image }) => image),
  );
  const wanted = await Promise.all(cases.map(expected));
  const wrong = cases.filter((_, index) => shareOfTolerance(outputs[index]!, wanted[index]!) > 1);
  expect(wrong.map(({ name }) => name)).toEqual([]);
});
