import { describe, expect, test } from "vitest";
import { parseArchitecture, refHybrid, resnet8, type Architecture } from "../../../engine/architecture.ts";
import type { Backend } from "../../../engine/backend.ts";
import { buildGraph, type Graph } from "../../../engine/graph.ts";
import { Model } from "../../../engine/model.ts";
import { batchNorm } from "../../../engine/ops/normalize.ts";
import { foldBatchNorms } from "../../../engine/plan/fold.ts";
import { evaluationGraph } from "../../../engine/plan/lower.ts";
import { randomNormal } from "../../../engine/random.ts";
import { constant, input } from "../../../engine/record.ts";
import { elementCount } from "../../../engine/shape.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { createWasmBackend } from "../../../kernels/wasm/node/index.ts";
import { trainedValues } from "../trained-values.ts";

const withoutAffine: Architecture = parseArchitecture({
  input: [12, 12, 3],
  affine: false,
  blocks: [
    { type: "conv", channels: 8, kernel: 3 },
    { type: "invertedBottleneck", channels: 8, kernel: 3, stride: 2, ratio: 2 },
    { type: "vit", heads: 2, headDim: 3, feedForward: true, norm: "batch" },
    { type: "globalAveragePool" },
    { type: "linear" },
  ],
});

const batch = 3;
const backends: Record<string, Backend> = {
  reference: createReferenceBackend(),
  "wasm, one thread": await createWasmBackend({ inline: true }),
  "wasm, two threads": await createWasmBackend({ threads: 2 }),
};

/** Logits with the first values, and with trained ones written after the first run. */
async function logits(model: Model, graph: Graph, backend: Backend): Promise<Float32Array[]> {
  const program = await backend.compile(graph);
  const images = Float32Array.from({ length: batch * elementCount(model.input) }, (_, i) => randomNormal(5, i));
  await program.run({ images });
  const first = await program.read("logits");
  for (const slot of model.slots) await program.writeSlot(slot.name, trainedValues(slot));
  await program.run();
  const results = [first, await program.read("logits")];
  await program.dispose();
  return results;
}

function normalisedActivations(graph: Graph): number {
  return graph.ops.filter(({ op, inputs }) => op === "batchNorm" && inputs[0]!.node.kind === "op").length;
}

describe.each([
  ["resnet8", resnet8],
  ["ref-hybrid", refHybrid],
  ["without affine terms", withoutAffine],
])("folded batch norms of %s", (_, architecture) => {
  const model = Model.fromArchitecture(architecture);
  const graph = evaluationGraph(model, batch);
  const folded = foldBatchNorms(graph);

  test("leave no activation to normalise", () => {
    expect(normalisedActivations(graph)).toBeGreaterThan(3);
    expect(normalisedActivations(folded)).toBe(0);
  });

  test.each(Object.keys(backends))("give the same logits, also after weights were written: %s", async (name) => {
    const expected = await logits(model, graph, backends.reference!);
    const actual = await logits(model, folded, backends[name]!);
    expect(expected[0]).not.toEqual(expected[1]);
    expected.forEach((values, round) => {
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      values.forEach((value, index) => expect(Math.abs(actual[round]![index]! - value)).toBeLessThan(1e-4 * largest));
    });
  });
});

describe("a batch norm stays", () => {
  const weights = constant(Float32Array.of(1, 2, 3, 4), [2, 2]);
  const [mean, variance] = [constant([1, 2]), constant([3, 4])];
  const x = input("x", [1, 2]);
  const stays = (y: Tensor, others: Record<string, Tensor> = {}): boolean => {
    const graph = buildGraph({ y, ...others });
    return foldBatchNorms(graph) === graph;
  };

  test("behind anything but a product", () => {
    expect(stays(batchNorm(x.matmul(weights).relu(), mean, variance))).toBe(true);
    expect(stays(batchNorm(x, mean, variance))).toBe(true);
  });

  test("when something else reads the product", () => {
    const product = x.matmul(weights);
    expect(stays(batchNorm(product, mean, variance), { product })).toBe(true);
    expect(stays(batchNorm(product, mean, variance).add(product))).toBe(true);
    expect(stays(batchNorm(product, mean, variance))).toBe(false);
  });

  test("when weights or statistics are computed from what is fed", () => {
    expect(stays(batchNorm(x.matmul(weights.matmul(weights)), mean, variance))).toBe(true);
    expect(stays(batchNorm(x.matmul(weights), input("mean", [2]), variance))).toBe(true);
    expect(stays(batchNorm(x.matmul(weights, { transposeB: true }), mean, variance))).toBe(true);
  });

  test("not behind a bias", async () => {
    const y = batchNorm(x.matmul(weights).bias(constant([5, 6])), mean, variance, undefined, 0);
    const program = await backends.reference!.compile(foldBatchNorms(buildGraph({ y })));
    await program.run({ x: Float32Array.of(1, 1) });
    const [first, second] = await program.read("y");
    expect(first).toBeCloseTo((4 + 5 - 1) / Math.sqrt(3), 5);
    expect(second).toBeCloseTo((6 + 6 - 2) / 2, 5);
    expect(program.slotNames).toEqual([]);
  });
});
