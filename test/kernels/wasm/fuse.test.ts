import { afterAll, describe, expect, it } from "vitest";
import { grad } from "../../../engine/grad.ts";
import { buildGraph, type Graph } from "../../../engine/graph.ts";
import { batchNormTraining } from "../../../engine/ops/normalize.ts";
import { randomNormal } from "../../../engine/random.ts";
import { input } from "../../../engine/record.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { createWasmBackend } from "../../../kernels/wasm/node/index.ts";
import { distance } from "../../op-cases/harness.ts";

const shape = [2, 9, 7, 10];
const feeds = Object.fromEntries(
  [
    ...["x", "weights"].map((name) => [name, 1260] as const),
    ...["gamma", "beta"].map((name) => [name, 10] as const),
  ].map(([name, length], stream) => [name, Float32Array.from({ length }, (_, index) => randomNormal(stream, index))]),
);
const wasm = await createWasmBackend({ threads: 1 });
const reference = createReferenceBackend();
afterAll(() => wasm.dispose());

/** Gradients of a weighted mean of relu(batch norm(x)); `expose` also gives the value between the two. */
function normalizedGraph(affine: boolean, expose: boolean): Graph {
  const [x, gamma, beta] = [input("x", shape), input("gamma", [10]), input("beta", [10])];
  const { y, mean, variance } = batchNormTraining(x, affine ? { gamma, beta } : undefined);
  const relu = y.relu();
  const sources: Tensor[] = affine ? [x, gamma, beta] : [x];
  const gradients = grad(relu.multiply(input("weights", shape)).mean(), sources);
  return buildGraph({
    relu,
    mean,
    variance,
    ...(expose ? { y } : {}),
    ...Object.fromEntries(gradients.map((gradient, index) => [`d${index}`, gradient])),
  });
}

describe("batch norm and relu", () => {
  it.each([
    [true, false],
    [false, false],
    [true, true],
    [false, true],
  ])("agree with the reference (affine %s, value between them read %s)", async (affine, expose) => {
    const graph = normalizedGraph(affine, expose);
    const inputs = Object.fromEntries(graph.inputs.map(({ name }) => [name, feeds[name]!]));
    const [actual, expected] = await Promise.all([wasm.compile(graph), reference.compile(graph)]);
    await Promise.all([actual.run(inputs), expected.run(inputs)]);
    for (const name of Object.keys(graph.outputs))
      expect(distance(await actual.read(name), await expected.read(name)).maxError, name).toBeLessThan(1e-5);
    const kernels = actual.plan.steps.map(({ kernel }) => kernel);
    expect(kernels.includes("relu")).toBe(expose);
    expect(kernels).toContain("batchNormReluGradientApply");
    expect(kernels).not.toContain("reluGradient");
    await actual.dispose();
  });
});
