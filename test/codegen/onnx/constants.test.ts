import { describe, expect, test } from "vitest";
import { generate } from "../../../codegen/index.ts";
import { importClassifier } from "../../../codegen/onnx/import/import.ts";
import type { NodeProto } from "../../../codegen/onnx/onnx_pb.ts";
import { inferenceToGraph } from "../../../engine/plan/record-inference.ts";
import { randomNormal } from "../../../engine/random.ts";
import { computeOp, createReferenceBackend } from "../../../kernels/reference/index.ts";
import { CProgram, shareOfTolerance, strict } from "../c-program.ts";
import { type ExportedModel, runOnnxruntime } from "./models.ts";
import { floats, node, onnxFile } from "./onnx-file.ts";

const shape = [1, 3, 4, 4];
/** Above 1, so that they may be divided by. */
const values = (key: number): number[] => Array.from({ length: 48 }, (_, i) => 1 + Math.abs(randomNormal(key, i)));

/** A classifier of an image x and a table of its shape: the means of `y`. */
function modelOf(name: string, nodes: readonly NodeProto[]): ExportedModel {
  const ends = [node("GlobalAveragePool", ["y"], "mean"), node("Flatten", ["mean"], "scores")];
  const bytes = onnxFile(shape, [...nodes, ...ends], [floats("table", shape, values(1))]);
  return {
    ...{ name, bytes },
    imported: importClassifier(bytes, { compute: computeOp }),
    image: Float32Array.from(values(2)),
  };
}

const opsOf = ({ imported: { graph } }: ExportedModel): string[] => graph.layers.map(({ op }) => op);

/** Error beside onnxruntime as a share of what is tolerated. */
async function shareOf(model: ExportedModel): Promise<number> {
  const program = await createReferenceBackend().compile(inferenceToGraph(model.imported.graph));
  await program.run({ images: model.image });
  return shareOfTolerance(await program.read("logits"), await runOnnxruntime(model));
}

test("what a model computes of its constants alone is computed when it is imported", async () => {
  const model = modelOf("constants", [
    node("Softmax", ["table"], "weights"),
    node("Erf", ["weights"], "place"),
    node("Add", ["x", "place"], "y"),
  ]);
  expect(opsOf(model)).toEqual(["add", "globalAveragePool"]);
  const code = generate({ graph: model.imported.graph, name: "constants" }, { target: "host", precision: "float32" });
  await using program = await CProgram.write([code]);
  const [found] = await program.runOnHost("gcc", strict, [model.image]);
  expect(shareOfTolerance(found!, await runOnnxruntime(model))).toBeLessThan(1);
});

describe.each(["table", "computed"])("a constant, %s, as the first operand has the layout of the image", (constant) => {
  test.each([
    ["Add", ["add"]],
    ["Mul", ["multiply"]],
    ["Sub", ["scale", "add"]],
    ["Div", ["unary", "multiply"]],
    ["Min", ["binary"]],
    ["Max", ["binary"]],
  ])("%s", async (operator, ops) => {
    const model = modelOf(operator, [node("Softplus", ["table"], "computed"), node(operator, [constant, "x"], "y")]);
    expect(opsOf(model)).toEqual([...ops, "globalAveragePool"]);
    expect(await shareOf(model)).toBeLessThan(1);
  });
});

test("of three operands the constants come last", async () => {
  const model = modelOf("three", [
    node("Softplus", ["table"], "computed"),
    node("Max", ["table", "computed", "x"], "y"),
  ]);
  expect(opsOf(model)).toEqual(["binary", "binary", "globalAveragePool"]);
});

test("weights may be computed of constants", async () => {
  const model = modelOf("weights", [node("Softplus", ["table"], "computed"), node("Conv", ["x", "computed"], "y")]);
  expect(opsOf(model)[0]).toBe("conv2d");
  expect(await shareOf(model)).toBeLessThan(1);
});
