import { afterAll, expect, it } from "vitest";
import { calibrate } from "../../../codegen/quantize/calibrate.ts";
import { interpretImages } from "../../../codegen/quantize/evaluate.ts";
import { quantizeNetwork } from "../../../codegen/quantize/quantize.ts";
import type { Ranged } from "../../../codegen/quantize/ranges.ts";
import { inferenceToGraph } from "../../../engine/plan/record-inference.ts";
import { randomNormals } from "../../../engine/random.ts";
import { constant } from "../../../engine/record.ts";
import { elementCount, type Shape } from "../../../engine/shape.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { lowered } from "../graphs.ts";

const backend = createReferenceBackend();
afterAll(() => backend.dispose());

/** A few large weights make the steps of all others coarse. */
function coarse(...shape: number[]): Tensor {
  return constant(
    Float32Array.from(randomNormals(elementCount(shape), 3), (w, index) => (index % 31 === 0 ? 8 : 0.05 * w)),
    shape,
  );
}

const layers: readonly [name: string, shape: Shape, build: (x: Tensor) => Tensor][] = [
  ["conv2d", [1, 3, 3, 12], (x) => x.conv2d(coarse(3, 3, 12, 6))],
  ["conv2d with a border", [1, 4, 5, 12], (x) => x.conv2d(coarse(3, 3, 12, 6), { padding: 1, stride: 2 })],
  ["conv2d in groups", [1, 3, 3, 12], (x) => x.conv2d(coarse(3, 3, 4, 6), { groups: 3 })],
  ["depthwiseConv2d", [1, 5, 5, 4], (x) => x.depthwiseConv2d(coarse(5, 5, 4))],
  ["matmul", [1, 30], (x) => x.matmul(coarse(30, 7))],
  ["matmul of one channel", [1, 30], (x) => x.matmul(coarse(30, 1))],
  ["matmul b transposed", [1, 30], (x) => x.matmul(coarse(7, 30), { transposeB: true })],
];

it.each(layers)("%s: biases make up for what rounded weights add to the means", async (_, shape, build) => {
  const graph = lowered(shape, build);
  // Channels with means of their own.
  const channels = shape.at(-1)!;
  const images = Array.from({ length: 16 }, (_, image) =>
    Float32Array.from(randomNormals(elementCount(shape), 9, image), (x, cell) => (cell % channels) + 0.3 * x),
  );
  const ranged = await calibrate(graph, images, { backend, method: "min-max" });
  const program = await backend.compile(inferenceToGraph(graph));
  /** Error of the mean of each output channel. */
  const bias = async (calibrated: Ranged): Promise<number> => {
    const integers = quantizeNetwork(calibrated);
    const outputs = await interpretImages(integers, images);
    const errors = new Float64Array(graph.values[graph.output]!.shape.at(-1)!);
    for (const [at, image] of images.entries()) {
      await program.run({ images: image });
      const expected = await program.read("logits");
      outputs[at]!.forEach((value, index) => (errors[index % errors.length] += value - expected[index]!));
    }
    return Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0));
  };
  const { means: _means, ...without } = ranged;
  expect(await bias(ranged)).toBeLessThan(0.5 * (await bias(without)));
});
