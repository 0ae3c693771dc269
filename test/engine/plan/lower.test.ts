import { describe, expect, test } from "vitest";
import { parseArchitecture, refHybrid, resnet8, type Architecture } from "../../../engine/architecture.ts";
import { buildGraph } from "../../../engine/graph.ts";
import { Model } from "../../../engine/model.ts";
import { activationNames } from "../../../engine/ops/activation.ts";
import { binary } from "../../../engine/ops/binary.ts";
import { fakeQuantize } from "../../../engine/ops/fake-quantize.ts";
import { inferenceToGraph } from "../../../engine/plan/record-inference.ts";
import { deployedParameters, evaluationGraph, lowerGraph, lowerModel } from "../../../engine/plan/lower.ts";
import { layerMacs, networkMacs } from "../../../engine/plan/macs.ts";
import { randomNormal } from "../../../engine/random.ts";
import { constant, input } from "../../../engine/record.ts";
import { elementCount } from "../../../engine/shape.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { trainedValues } from "../trained-values.ts";

async function logitsOf(model: Model, folded: boolean): Promise<Float32Array> {
  const backend = createReferenceBackend();
  const program = await backend.compile(
    folded ? inferenceToGraph(lowerModel(model, trainedValues)) : evaluationGraph(model),
  );
  if (!folded) for (const slot of model.slots) await program.writeSlot(slot.name, trainedValues(slot));
  const images = Float32Array.from({ length: elementCount(model.input) }, (_, i) => randomNormal(5, i));
  await program.run({ images });
  return program.read("logits");
}

const reduced: Architecture = parseArchitecture({
  input: [12, 12, 3],
  affine: false,
  blocks: [
    {
      type: "shortcut",
      blocks: [
        { type: "residual", channels: 7, kernel: 3, stride: 2 },
        { type: "vit", channels: 5, heads: 2, headDim: 3, norm: "layer" },
      ],
    },
    { type: "bottleneck", channels: 6, kernel: 5, ratio: 2 },
    { type: "pool", kind: "max", kernel: 3, stride: 2 },
    { type: "linear" },
  ],
});

const activated: Architecture = parseArchitecture({
  input: [12, 12, 3],
  blocks: [
    { type: "convBnRelu", channels: 8, kernel: 3, activation: "hardSwish" },
    { type: "invertedBottleneck", channels: 8, kernel: 3, stride: 2, ratio: 2, activation: "gelu" },
    { type: "vit", heads: 2, headDim: 4, attention: "linear", activation: "gelu" },
    { type: "basicBlock", channels: 8, activation: "sigmoid" },
    { type: "shortcut", activation: "hardSwish", blocks: [{ type: "conv", channels: 6, kernel: 3 }] },
    { type: "globalAveragePool" },
    { type: "linear" },
  ],
});

const sparse: Architecture = parseArchitecture({
  input: [12, 11, 4],
  blocks: [
    { type: "convBnRelu", channels: 12, kernel: 3, dilation: 2 },
    { type: "residual", channels: 12, kernel: 3, groups: 3, dilation: 2, stride: 2 },
    { type: "convBnRelu", channels: 12, kernel: 3, groups: 12 },
    { type: "invertedBottleneck", channels: 6, kernel: 3, dilation: 3 },
    { type: "globalAveragePool" },
    { type: "linear" },
  ],
});

describe("lowering a model for deployment", () => {
  test.each([
    ["resnet8", resnet8, { trainable: 77_946, deployed: 77_706, macs: 12_501_632 }],
    ["ref-hybrid", refHybrid, { trainable: 67_762, deployed: 66_714, macs: 7_536_512 }],
  ])("%s has its published size", (_, architecture, size) => {
    const model = Model.fromArchitecture(architecture);
    const network = lowerModel(model);
    expect(model.trainableParameters).toBe(size.trainable);
    expect(deployedParameters(network)).toBe(size.deployed);
    expect(networkMacs(network)).toBe(size.macs);
  });

  test.each([
    ["resnet8", resnet8],
    ["ref-hybrid", refHybrid],
    ["a network with other activations and linear attention", activated],
    ["a network with odd channels, layer norm and a linear layer over pixels", reduced],
    ["a network of dilated and grouped convolutions", sparse],
  ])("folding and fusing leave the logits of %s as they were", async (_, architecture) => {
    const model = Model.fromArchitecture(architecture, { seed: 3 });
    const expected = await logitsOf(model, false);
    const folded = await logitsOf(model, true);
    const largest = Math.max(...expected.map(Math.abs));
    expected.forEach((value, index) => expect(Math.abs(folded[index]! - value)).toBeLessThan(1e-5 * largest));
    expect(largest).toBeGreaterThan(0.01);
  });

  test("a convolution with a group per channel is deployed as a depthwise one", () => {
    const network = lowerModel(Model.fromArchitecture(sparse));
    const layer = network.layers.find(({ name }) => name === "2.conv")!;
    expect(layer).toMatchObject({ op: "depthwiseConv2d", attributes: { stride: [1, 1], dilation: [1, 1] } });
    expect(layer.weights[0]!.shape).toEqual([3, 3, 12]);
    expect(layerMacs(network, layer)).toBe(6 * 6 * 12 * 9);
  });

  test("no batch norm is left in the built-in networks, and every sum and activation is fused", () => {
    for (const architecture of [resnet8, refHybrid, activated])
      for (const layer of lowerModel(Model.fromArchitecture(architecture)).layers)
        expect(["batchNorm", "add", "bias", ...activationNames]).not.toContain(layer.op);
  });
});

describe("what cannot be deployed is refused", () => {
  const x = input("images", [2, 2]);
  const table = constant(Float32Array.of(1, 2, 3, 4), [2, 2]);
  const refused: readonly (readonly [string, Record<string, Tensor>, string])[] = [
    [
      "a constant as first operand of a product",
      { y: table.matmul(x) },
      "trained constants must come after all other operands",
    ],
    [
      "a constant as first operand of a difference",
      { y: binary(table, x, "subtract") },
      "trained constants must come after all other operands",
    ],
    ["an op of training", { y: fakeQuantize(x, constant([-1, 1])) }, "lower: fakeQuantize belongs to training"],
    ["two outputs", { y: x.relu(), z: x.sigmoid() }, "exactly one input and one output, got 1 and 2"],
  ];
  test.each(refused)("%s", (_, outputs, message) => {
    expect(() => lowerGraph(buildGraph(outputs), (slot) => slot.initial())).toThrow(message);
  });

  test("but not a constant as first operand of what takes them in any order", () => {
    const graph = buildGraph({ y: binary(table, x, "minimum").add(table) });
    expect(lowerGraph(graph, (slot) => slot.initial()).layers.map(({ op }) => op)).toEqual(["binary", "add"]);
  });
});
