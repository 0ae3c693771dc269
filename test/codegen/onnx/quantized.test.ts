import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { calibrate, carriedRanges, quantizeNetwork } from "../../../codegen/index.ts";
import { importClassifier } from "../../../codegen/onnx/import/import.ts";
import { ModelProtoSchema, type NodeProto, TensorProto_DataType } from "../../../codegen/onnx/onnx_pb.ts";
import { readTensor } from "../../../codegen/onnx/import/tensor-data.ts";
import { statedExtents, withCarriedRanges } from "../../../codegen/quantize/aware/extents.ts";
import { interpretImages } from "../../../codegen/quantize/evaluate.ts";
import type { Int8Element } from "../../../codegen/quantize/graph.ts";
import { lowerModel } from "../../../engine/plan/lower.ts";
import { decodeNetwork, encodeNetwork } from "../../../engine/plan/network-file.ts";
import { networkModel } from "../../../engine/plan/network-model.ts";
import { randomNormal } from "../../../engine/random.ts";
import { computeOp, createReferenceBackend } from "../../../kernels/reference/index.ts";
import { exportedModels, runOnnxruntime, type ExportedModel } from "./models.ts";
import { floats, integers, node, onnxFile } from "./onnx-file.ts";

const backend = createReferenceBackend();
const inFloat = await exportedModels();
const models = await exportedModels("quantized");
const byName = (name: string): ExportedModel => models.find((model) => model.name === name)!;

/** As the command reads it from a file. */
async function opened({ imported: { graph, opset, producer }, name }: ExportedModel) {
  const classes = Array.from({ length: graph.values[graph.output]!.shape[1]! }, (_, index) => `class ${index}`);
  const about = { version: "0", name, classes, probabilities: false };
  const channels = graph.values[graph.input]!.shape[3]!;
  const normalization = { mean: Array<number>(channels).fill(0), deviation: Array<number>(channels).fill(1) };
  const source = { format: "onnx", producer, opset, sha256: "" } as const;
  const stored = await decodeNetwork(await encodeNetwork({ ...about, normalization, source, graph }));
  const { model, state } = networkModel(stored.graph);
  return {
    network: lowerModel(model, (slot) => state.get(slot.name)!),
    state: new Map([...state, ...statedExtents(stored.graph)]),
  };
}

const distance = (a: readonly number[], b: readonly number[]): number =>
  Math.hypot(...a.map((value, i) => value - b[i]!)) / Math.hypot(...b);

describe("models that onnxruntime quantised", () => {
  test.each(["resnet", "mobilenet-v2", "mobilenet-v3", "vit-scaled"])(
    "%s needs no calibration, and is no further from its float model than onnxruntime",
    async (name) => {
      const model = byName(name);
      const { network, state } = await opened(model);
      const graph = quantizeNetwork(carriedRanges(network, state)!);
      const original = inFloat.find((each) => each.name === name)!;
      const images = Array.from({ length: 8 }, (_, key) => model.image.map((_, i) => 0.8 * randomNormal(100 + key, i)));
      const ours = (await interpretImages(graph, images, { backend })).flatMap((outputs) => [...outputs]);
      const [theirs, wanted]: [number[], number[]] = [[], []];
      for (const image of images) {
        theirs.push(...(await runOnnxruntime({ ...model, image })));
        wanted.push(...(await runOnnxruntime({ ...original, image })));
      }
      expect(distance(theirs, wanted)).toBeLessThan(0.05);
      expect(distance(ours, wanted)).toBeLessThan(distance(theirs, wanted));
      expect(distance(ours, theirs)).toBeLessThan(1.25 * distance(theirs, wanted));
    },
  );

  test("keep scales, zero points and weights to the bit", async () => {
    const { network, state } = await opened(byName("resnet"));
    const graph = quantizeNetwork(carriedRanges(network, state)!);
    const { initializer, node: nodes } = fromBinary(ModelProtoSchema, byName("resnet").bytes).graph!;
    const constant = (name: string) =>
      readTensor(
        initializer.find((each) => each.name === name)!,
        name,
      ).data;
    const [, scale, zero] = nodes.find(
      ({ input, opType }) => opType === "QuantizeLinear" && input[0] === "input",
    )!.input;
    const element = graph.values[graph.input]!.element as Int8Element;
    expect(element.zero).toBe(constant(zero!)[0]! - 128);
    expect(element.scale).toBeCloseTo(constant(scale!)[0]!, 8);
    const conv = nodes.find(({ opType }) => opType === "Conv")!;
    const stored = nodes.find(({ output }) => output[0] === conv.input[1])!.input[0]!;
    const sorted = (cells: Iterable<number>) => [...cells].sort((a, b) => a - b);
    const first = graph.layers.find(({ op }) => op === "conv2d") as { readonly weights: Int8Array };
    expect(sorted(first.weights)).toEqual(sorted(constant(stored)));
  });

  test("have the activations again that the quantiser left out", () => {
    const bounded = ({ imported }: ExportedModel): number =>
      imported.graph.layers
        .flatMap(({ epilogue }) => epilogue)
        .filter(({ kind }) => kind === "relu" || kind === "unary").length;
    const original = inFloat.find(({ name }) => name === "resnet")!;
    expect(bounded(original)).toBeGreaterThan(3);
    expect(bounded(byName("resnet"))).toBe(bounded(original));
  });

  test("are calibrated where the quantiser left ranges out", async () => {
    const model = byName("plain-cnn");
    const { network, state } = await opened(model);
    expect(carriedRanges(network, state)).toBeUndefined();
    const calibrated = await calibrate(network, [model.image], { backend });
    const ranged = withCarriedRanges(calibrated, state);
    const changed = [...ranged.values].filter(([id, range]) => range !== calibrated.values.get(id));
    expect(changed.length).toBeGreaterThan(3);
    expect(changed.length).toBeLessThan(ranged.values.size);
    expect(() => quantizeNetwork(ranged)).not.toThrow();
  });
});

const shape = [1, 2, 4, 4];
const { INT8, UINT8, INT16 } = TensorProto_DataType;
const constants = [
  floats("scale", [], [0.5]),
  floats("other", [], [0.25]),
  floats("scales", [2], [0.5, 0.25]),
  integers("zero", UINT8, [10]),
  integers("zeros", INT8, [0, 0], [2]),
  integers("wide", INT16, [0]),
  floats("w", [2, 2, 1, 1], [0.25, 0.75, -100, 0.125]),
];
const end = (from: string) => [node("GlobalAveragePool", [from], "mean"), node("Flatten", ["mean"], "y")];
const imported = (...nodes: NodeProto[]) => importClassifier(onnxFile(shape, nodes, constants), { compute: computeOp });

test("a pair of Q and DQ leaves no layer, but a range", () => {
  const pair = [
    node("QuantizeLinear", ["x", "scale", "zero"], "q"),
    node("DequantizeLinear", ["q", "scale", "zero"], "r"),
  ];
  const { graph } = imported(...pair, ...end("r"));
  expect(graph.layers.map(({ op }) => op)).toEqual(["globalAveragePool"]);
  expect(graph.ranges).toEqual(new Map([[0, [{ least: -5, largest: 122.5 }]]]));
});

test("trained weights are rounded, halves to even", () => {
  const pair = [
    node("QuantizeLinear", ["w", "scales", "zeros"], "q", { axis: 0 }),
    node("DequantizeLinear", ["q", "scales", "zeros"], "v", { axis: 0 }),
  ];
  const { graph } = imported(...pair, node("Conv", ["x", "v"], "c"), ...end("c"));
  // 0.25 / 0.5 = 0.5, 0.75 / 0.5 = 1.5, −100 / 0.25 is below −128, 0.125 / 0.25 = 0.5; stored [input][output]
  expect([...graph.layers[0]!.weights[0]!.values()]).toEqual([0, -32, 1, 0]);
});

test.each([
  [
    "DequantizeLinear",
    "another scale or zero point",
    [node("QuantizeLinear", ["x", "scale", "zero"], "q"), node("DequantizeLinear", ["q", "other", "zero"], "r")],
  ],
  [
    "QuantizeLinear",
    "one of these",
    [node("QuantizeLinear", ["x", "scale", "wide"], "q"), node("DequantizeLinear", ["q", "scale", "wide"], "r")],
  ],
  [
    "QuantizeLinear",
    "one scale for the whole tensor",
    [node("QuantizeLinear", ["x", "scales", "zeros"], "q"), node("DequantizeLinear", ["q", "scales", "zeros"], "r")],
  ],
  [
    "Relu",
    "only DequantizeLinear may",
    [node("QuantizeLinear", ["x", "scale", "zero"], "q"), node("Relu", ["q"], "r")],
  ],
])("%s is refused: %s", (operator, message, nodes) => {
  expect(() => imported(...nodes, ...end("r"))).toThrow(new RegExp(`onnx: node "\\w" \\(${operator}\\): .*${message}`));
});
