import { afterAll, expect, it } from "vitest";
import { calibrate } from "../../../codegen/quantize/calibrate.ts";
import { interpretImages } from "../../../codegen/quantize/evaluate.ts";
import { quantizeNetwork } from "../../../codegen/quantize/quantize.ts";
import { binary } from "../../../engine/ops/binary.ts";
import { gather } from "../../../engine/ops/gather.ts";
import { reduce } from "../../../engine/ops/reduce-axes.ts";
import { randomNormals } from "../../../engine/random.ts";
import { constant } from "../../../engine/record.ts";
import { elementCount, type Shape } from "../../../engine/shape.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { expected, lowered, trained } from "../graphs.ts";

const backend = createReferenceBackend();
afterAll(() => backend.dispose());

const cases: readonly [name: string, op: string, shape: Shape, build: (x: Tensor) => Tensor][] = [
  ["sum with a constant per channel", "affine", [1, 4, 6], (x) => binary(x, trained(1, 1, 6), "add")],
  [
    "difference to one constant",
    "affine",
    [1, 4, 6],
    (x) => binary(x, constant(Float32Array.of(2), [1, 1, 1]), "subtract"),
  ],
  ["product with a constant per channel", "affine", [1, 4, 6], (x) => binary(x, trained(1, 1, 6), "multiply").relu()],
  [
    "quotient by one constant",
    "affine",
    [1, 4, 6],
    (x) => binary(x, constant(Float32Array.of(-3), [1, 1, 1]), "divide"),
  ],
  ["sum with a table", "add", [1, 4, 6], (x) => binary(x, trained(1, 4, 6), "add")],
  ["product of two", "multiply", [1, 4, 6], (x) => binary(x, x.relu(), "multiply")],
  ["class token", "slice", [1, 5, 6], (x) => gather(x.scale(2), 1, [0]).relu()],
  ["mean over tokens", "globalAveragePool", [1, 5, 6], (x) => reduce(x, "mean", [1])],
  ["mean over pixels", "globalAveragePool", [1, 4, 5, 6], (x) => reduce(x, "mean", [2, 1])],
  ["gather out of order", "float32", [1, 5, 6], (x) => gather(x, 1, [3, 0])],
  ["product of rows with a column", "float32", [1, 5, 6], (x) => binary(x, trained(1, 5, 1), "multiply")],
  ["mean over channels", "float32", [1, 5, 6], (x) => reduce(x, "mean", [2])],
];

it.each(cases)("%s becomes %s", async (_, op, shape, build) => {
  const graph = lowered(shape, build);
  const image = Float32Array.from(randomNormals(elementCount(shape), 13));
  const integers = quantizeNetwork(await calibrate(graph, [image], { backend, method: "min-max" }));
  expect(integers.layers.map((layer) => layer.op)).toContain(op);
  expect(integers.layers.some((layer) => layer.op === "float32")).toBe(op === "float32");
  const [got] = await interpretImages(integers, [image], { backend });
  const reference = await expected({ name: op, graph, image });
  const largest = Math.max(1, ...reference.map(Math.abs));
  reference.forEach((value, index) => expect(Math.abs(got![index]! - value)).toBeLessThan(0.03 * largest));
});
