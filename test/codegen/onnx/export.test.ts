import { fromBinary } from "@bufbuild/protobuf";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { exportOnnx, onnxInput, onnxOutput } from "../../../codegen/onnx/export.ts";
import { onnxShape, permuteValues, onnxAxes } from "../../../codegen/onnx/layout.ts";
import { ModelProtoSchema, type ModelProto } from "../../../codegen/onnx/onnx_pb.ts";
import { builtInArchitectures, parseArchitecture } from "../../../engine/architecture.ts";
import { ShapeError } from "../../../engine/errors.ts";
import { buildGraph } from "../../../engine/graph.ts";
import { Model } from "../../../engine/model.ts";
import type { InferenceGraph } from "../../../engine/plan/inference.ts";
import { lowerGraph, lowerModel } from "../../../engine/plan/lower.ts";
import { inferenceToGraph } from "../../../engine/plan/record-inference.ts";
import { randomNormal } from "../../../engine/random.ts";
import { constant, input, recordOne } from "../../../engine/record.ts";
import { elementCount, type Shape } from "../../../engine/shape.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { trainedValues } from "../../engine/trained-values.ts";

let nextKey = 1;

function random(shape: Shape): Float32Array {
  const key = nextKey++;
  return Float32Array.from({ length: elementCount(shape) }, (_, n) => randomNormal(99, key, n));
}

const weights = (...shape: number[]): Tensor => constant(random(shape), shape);
const positive = (...shape: number[]): Tensor =>
  constant(
    random(shape).map((value) => 0.5 + value * value),
    shape,
  );

function lowered(shape: Shape, network: (x: Tensor) => Tensor): InferenceGraph {
  return lowerGraph(buildGraph({ y: network(input("images", shape)) }), (slot) => slot.initial());
}

/** Largest difference between onnxruntime and the reference kernels, relative to the largest value. */
async function difference(network: InferenceGraph): Promise<number> {
  const shape = network.values[network.input]!.shape;
  const images = random(shape);
  const outputShape = network.values[network.output]!.shape;
  const expected = permuteValues(await referenceLogits(network, images), outputShape, onnxAxes(outputShape));

  const session = await InferenceSession.create(exportOnnx(network, { name: "net" }));
  const feed = new OrtTensor("float32", permuteValues(images, shape, onnxAxes(shape)), onnxShape(shape));
  const output = (await session.run({ [onnxInput]: feed }))[onnxOutput]!;
  expect(output.dims).toEqual(onnxShape(outputShape));
  return relativeDifference(expected, output.data as Float32Array);
}

async function referenceLogits(network: InferenceGraph, images: Float32Array): Promise<Float32Array> {
  const program = await createReferenceBackend().compile(inferenceToGraph(network));
  await program.run({ images });
  return program.read("logits");
}

function relativeDifference(expected: Float32Array, actual: Float32Array): number {
  expect(actual).toHaveLength(expected.length);
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(largest).toBeGreaterThan(1e-3);
  return expected.reduce((most, value, n) => Math.max(most, Math.abs(value - actual[n]!)), 0) / largest;
}

function decode(network: InferenceGraph): ModelProto {
  return fromBinary(ModelProtoSchema, exportOnnx(network, { name: "net" }));
}

function operators(network: InferenceGraph): string[] {
  return decode(network).graph!.node.map(({ opType }) => opType);
}

const window = { kernel: 3, stride: 2, padding: 1 } as const;

const networks: Record<string, InferenceGraph> = {
  "conv2d with bias and relu": lowered([1, 7, 9, 3], (x) =>
    x
      .conv2d(weights(3, 5, 3, 4), { stride: [2, 1], padding: [1, 0, 2, 1] })
      .bias(weights(4))
      .relu(),
  ),
  "conv2d without bias, relu before a later bias": lowered([1, 5, 5, 3], (x) =>
    x
      .conv2d(weights(1, 1, 3, 4))
      .relu()
      .bias(weights(4)),
  ),
  depthwiseConv2d: lowered([1, 9, 8, 5], (x) =>
    x.depthwiseConv2d(weights(5, 3, 5), { stride: 2, padding: [2, 2, 1, 1] }).bias(weights(5)),
  ),
  "a shortcut": lowered([1, 6, 6, 4], (x) =>
    x
      .conv2d(weights(3, 3, 4, 4), { padding: "same" })
      .relu()
      .add(x)
      .relu(),
  ),
  maxPool: lowered([1, 7, 8, 3], (x) => x.maxPool(window)),
  averagePool: lowered([1, 7, 8, 3], (x) => x.averagePool(window)),
  mixPool: lowered([1, 7, 8, 3], (x) => x.mixPool(window)),
  globalAveragePool: lowered([1, 4, 5, 6], (x) => x.globalAveragePool()),
  "linear over a flattened map": lowered([1, 3, 4, 5], (x) =>
    x.reshape([1, 60]).relu().bias(weights(60)).matmul(weights(60, 7)).bias(weights(7)),
  ),
  "linear with a transposed weight": lowered([1, 2, 2, 3], (x) =>
    x.reshape([1, 12]).matmul(weights(4, 12), { transposeB: true }),
  ),
  "linear over every token": lowered([1, 3, 4, 5], (x) =>
    x.reshape([12, 5]).matmul(weights(5, 7)).bias(weights(7)).softmax().reshape([1, 3, 4, 7]),
  ),
  "a product of two activations": lowered([1, 3, 3, 4], (x) =>
    x.reshape([9, 4]).matmul(x.scale(0.3).reshape([9, 4]), { transposeB: true }),
  ),
  "a product with a transposed activation": lowered([1, 3, 3, 4], (x) =>
    x.reshape([9, 4]).matmul(x.scale(0.3).reshape([9, 4]), { transposeA: true }),
  ),
  attention: lowered([1, 3, 4, 6], (x) => {
    const token = (): Tensor => x.conv2d(weights(1, 1, 6, 8)).reshape([1, 12, 8]);
    return token().attention(token(), token(), { heads: 2 }).reshape([1, 3, 4, 8]);
  }),
  "layer norm over channels, with and without terms": lowered([1, 3, 4, 6], (x) =>
    recordOne("layerNorm", [recordOne("layerNorm", [x, weights(6), weights(6)], { epsilon: 1e-5 })], { epsilon: 1e-3 }),
  ),
  "layer norm of a vector": lowered([1, 2, 3, 4], (x) =>
    recordOne("layerNorm", [x.reshape([1, 24]), weights(24), weights(24)], { epsilon: 1e-5 }).matmul(weights(24, 3)),
  ),
  "batch norm that cannot be folded": lowered([1, 4, 4, 3], (x) =>
    recordOne("batchNorm", [x.relu(), weights(3), positive(3), weights(3), weights(3)], { epsilon: 1e-3 }),
  ),
  "batch norm without terms": lowered([1, 4, 4, 3], (x) =>
    recordOne("batchNorm", [x.relu(), weights(3), positive(3)], { epsilon: 1e-3 }),
  ),
  "softmax, scale, multiply and add": lowered([1, 4, 4, 3], (x) => x.softmax().multiply(x.scale(1.7)).add(x)),
  "transpose of tokens": lowered([1, 2, 3, 4], (x) => x.reshape([1, 6, 4]).transpose([0, 2, 1])),
};

describe("ONNX export agrees with the reference kernels", () => {
  it.each(Object.entries(networks))("%s", async (_, network) => {
    expect(await difference(network)).toBeLessThan(1e-5);
  });

  it("has Transpose nodes around layer norm only", () => {
    for (const [name, network] of Object.entries(networks)) {
      const count = operators(network).filter((op) => op === "Transpose").length;
      expect({ name, count }).toEqual({
        name,
        count: name.startsWith("layer norm over") ? 4 : name.startsWith("transpose") ? 1 : 0,
      });
    }
  });
});

const layerNorm = parseArchitecture({
  input: [12, 10, 3],
  blocks: [
    { type: "convBnRelu", channels: 7, kernel: 3, stride: 2 },
    { type: "vit", channels: 5, heads: 2, headDim: 3, norm: "layer" },
    { type: "bottleneck", channels: 6, kernel: 5, ratio: 2 },
    { type: "pool", kind: "max", kernel: 3, stride: 2 },
    { type: "linear" },
  ],
});

const activated = parseArchitecture({
  input: [12, 12, 3],
  blocks: [
    { type: "convBnRelu", channels: 8, kernel: 3, activation: "hardSwish" },
    { type: "invertedBottleneck", channels: 8, kernel: 3, stride: 2, ratio: 2, activation: "gelu" },
    { type: "vit", heads: 2, headDim: 4, attention: "linear", activation: "sigmoid" },
    { type: "globalAveragePool" },
    { type: "linear" },
  ],
});

describe("whole networks", () => {
  it.each([
    ...Object.entries(builtInArchitectures),
    ["other activations and linear attention", activated] as const,
    ["layer norm and a linear layer over pixels", layerNorm] as const,
  ])("%s", async (name, architecture) => {
    const network = lowerModel(Model.fromArchitecture(architecture), trainedValues);
    expect(await difference(network)).toBeLessThan(1e-5);
    if (architecture !== layerNorm) expect(operators(network), name).not.toContain("Transpose");
  });
});

describe("batches", () => {
  const shared: Record<string, InferenceGraph> = {
    ...Object.fromEntries(
      Object.entries(builtInArchitectures).map(([name, architecture]) => [
        name,
        lowerModel(Model.fromArchitecture(architecture), trainedValues),
      ]),
    ),
    "layer norm and a linear layer over pixels": lowerModel(Model.fromArchitecture(layerNorm), trainedValues),
    "other activations and linear attention": lowerModel(Model.fromArchitecture(activated), trainedValues),
    "transpose of tokens": networks["transpose of tokens"]!,
    "constants over positions": lowered([1, 3, 4, 2], (x) => x.multiply(weights(1, 3, 4, 2)).add(weights(1, 3, 4, 2))),
  };

  it.each(Object.entries(shared))("%s", async (_, network) => {
    const { shape } = network.values[network.input]!;
    const length = elementCount(shape);
    const outputShape = network.values[network.output]!.shape;
    const images = [random(shape), random(shape), random(shape)];
    const answers = await Promise.all(images.map((image) => referenceLogits(network, image)));
    const symbolic = await InferenceSession.create(exportOnnx(network, { name: "net" }, { batch: "N" }));
    const sessions = [
      { batch: 3, session: await InferenceSession.create(exportOnnx(network, { name: "net" }, { batch: 3 })) },
      ...[1, 3, 64].map((batch) => ({ batch, session: symbolic })),
    ];
    for (const { batch, session } of sessions) {
      const fed = new Float32Array(batch * length);
      for (let n = 0; n < batch; n++) fed.set(permuteValues(images[n % 3]!, shape, onnxAxes(shape)), n * length);
      const feed = new OrtTensor("float32", fed, [batch, ...onnxShape(shape).slice(1)]);
      const output = (await session.run({ [onnxInput]: feed }))[onnxOutput]!;
      expect(output.dims).toEqual([batch, ...onnxShape(outputShape).slice(1)]);
      const each = elementCount(outputShape);
      for (let n = 0; n < batch; n++) {
        const answer = permuteValues(answers[n % 3]!, outputShape, onnxAxes(outputShape));
        const actual = (output.data as Float32Array).subarray(n * each, (n + 1) * each);
        expect(relativeDifference(answer, actual)).toBeLessThan(1e-5);
      }
    }
  });

  it("are named in the file", () => {
    const axis = (batch: number | "N"): unknown => {
      const [input] = fromBinary(ModelProtoSchema, exportOnnx(shared.resnet8!, { name: "net" }, { batch })).graph!
        .input;
      const { value: type } = input!.type!;
      return type.case === "tensorType" ? type.value.shape!.dim[0]!.value.value : undefined;
    };
    expect([axis(64), axis("N")]).toEqual([64n, "N"]);
  });

  it("are refused where activations have no batch axis", () => {
    const batched =
      (network: InferenceGraph): (() => unknown) =>
      () =>
        exportOnnx(network, { name: "net" }, { batch: 2 });
    expect(batched(networks["linear over every token"]!)).toThrow("has no batch axis: only batch 1 can be exported");
    expect(batched(lowered([1, 1, 4, 1], (x) => x.transpose([1, 0, 2, 3])))).toThrow("transpose moves the batch axis");
    expect(batched(lowered([1, 1], (x) => x.matmul(x.relu())))).toThrow("matmul moves the batch axis");
    expect(() => exportOnnx(shared.resnet8!, { name: "net" }, { batch: 0 })).toThrow("the batch is 0");
  });
});

describe("the file", () => {
  const network = networks["conv2d with bias and relu"]!;

  it("says version, layout, classes and normalisation", () => {
    const normalization = { mean: [0.5, 0.4, 0.3], deviation: [0.2, 0.2, 0.1] };
    const model = fromBinary(
      ModelProtoSchema,
      exportOnnx(network, { name: "net", classes: ["a", "b"], normalization }),
    );
    expect(model.irVersion).toBe(8n);
    expect(model.opsetImport.map(({ version }) => version)).toEqual([17n]);
    const metadata = Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value]));
    expect(metadata.layout).toBe("NCHW");
    expect(JSON.parse(metadata.input!)).toEqual([1, 3, 7, 9]);
    expect(JSON.parse(metadata.classes!)).toEqual(["a", "b"]);
    expect(JSON.parse(metadata.normalization!)).toMatchObject(normalization);
  });

  it("pads average pools as ours do", () => {
    const pool = decode(networks.averagePool!).graph!.node.find(({ opType }) => opType === "AveragePool")!;
    expect(pool.attribute.find(({ name }) => name === "count_include_pad")!.i).toBe(1n);
  });

  it("reshapes once from the map to the heads of attention and back", () => {
    expect(operators(networks.attention!).filter((op) => op === "Reshape")).toHaveLength(4);
  });

  it("gives the input back when there is nothing to do", async () => {
    const nothing: InferenceGraph = { values: [{ id: 0, name: "x", shape: [1, 4] }], layers: [], input: 0, output: 0 };
    expect(operators(nothing)).toEqual(["Identity"]);
    await InferenceSession.create(exportOnnx(nothing, { name: "nothing" }));
  });

  it("refuses a reshape that needs another order", () => {
    const mixing = lowered([1, 4, 4, 6], (x) => x.reshape([1, 96]).relu().reshape([1, 8, 12]));
    expect(() => exportOnnx(mixing, { name: "net" })).toThrow(ShapeError);
    expect(() =>
      exportOnnx(
        lowered([1, 2, 2, 3], (x) => x.reshape([1, 12])),
        { name: "net" },
      ),
    ).toThrow("onnx: the output is a flattened map");
  });
});
