import { expect, test } from "vitest";
import { importClassifier } from "../../../codegen/onnx/import/import.ts";
import type { NodeProto } from "../../../codegen/onnx/onnx_pb.ts";
import { inferenceToGraph } from "../../../engine/plan/record-inference.ts";
import { randomNormal } from "../../../engine/random.ts";
import { computeOp, createReferenceBackend } from "../../../kernels/reference/index.ts";
import { shareOfTolerance } from "../c-program.ts";
import { runOnnxruntime } from "./models.ts";
import { floats, node, onnxFile } from "./onnx-file.ts";

const channels = 4;
const positive = (key: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => 0.5 + Math.abs(randomNormal(key, i)));
const vector = (name: string, key: number, shape = [channels]) => floats(name, shape, positive(key, channels));
const constants = [
  floats("w", [channels, 3, 3, 3], positive(1, 27 * channels)),
  ...["gamma", "beta", "mean", "variance"].map((name, key) => vector(name, key)),
  vector("factor", 5, [channels, 1, 1]),
  vector("shift", 6, [channels, 1, 1]),
  floats("half", [], [0.5]),
];

/** Layers of an imported model, after its scores were compared with onnxruntime's. */
async function layersOf(nodes: readonly NodeProto[]): Promise<string[]> {
  const bytes = onnxFile([1, 3, 6, 6], nodes, constants);
  const imported = importClassifier(bytes, { compute: computeOp });
  const image = Float32Array.from({ length: 108 }, (_, i) => randomNormal(9, i));
  const program = await createReferenceBackend().compile(inferenceToGraph(imported.graph));
  await program.run({ images: image });
  const wanted = await runOnnxruntime({ name: "chain", bytes, imported, image });
  expect(shareOfTolerance(await program.read("logits"), wanted)).toBeLessThan(1);
  return imported.graph.layers.map(({ op, epilogue }) => [op, ...epilogue.map(({ kind }) => kind)].join("+"));
}

const conv = node("Conv", ["x", "w"], "c");
const norm = node("BatchNormalization", ["c", "gamma", "beta", "mean", "variance"], "n");

test("a batch norm, factors and shifts of channels and a factor of all go into the convolution", async () => {
  const nodes = [
    ...[conv, norm, node("Mul", ["n", "factor"], "m"), node("Mul", ["m", "half"], "h")],
    ...[node("Add", ["h", "shift"], "a"), node("Relu", ["a"], "r")],
    ...[node("GlobalAveragePool", ["r"], "p"), node("Flatten", ["p"], "y")],
  ];
  expect(await layersOf(nodes)).toEqual(["conv2d+bias+relu", "globalAveragePool"]);
});

test("a factor alone goes into weights that have no bias", async () => {
  const nodes = [conv, node("Mul", ["half", "c"], "h"), node("GlobalAveragePool", ["h"], "p")];
  expect(await layersOf([...nodes, node("Flatten", ["p"], "y")])).toEqual(["conv2d", "globalAveragePool"]);
});

test("a sum of three, and scores that are channels of one pixel", async () => {
  const nodes = [conv, node("Sum", ["c", "shift", "c"], "s"), node("GlobalAveragePool", ["s"], "y")];
  expect(await layersOf(nodes)).toEqual(["conv2d", "add+bias", "globalAveragePool"]);
});
