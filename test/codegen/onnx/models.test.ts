import { describe, expect, test } from "vitest";
import { generate } from "../../../codegen/index.ts";
import type { InferenceOp } from "../../../engine/ops/vocabulary.ts";
import { decodeNetwork, encodeNetwork } from "../../../engine/plan/network-file.ts";
import { lowerModel } from "../../../engine/plan/lower.ts";
import { networkModel } from "../../../engine/plan/network-model.ts";
import { CProgram, shareOfTolerance, strict } from "../c-program.ts";
import { exportedModels, runOnnxruntime, type ExportedModel } from "./models.ts";

const models = await exportedModels();

const hasOp =
  (op: InferenceOp) =>
  ({ imported }: ExportedModel): number =>
    imported.graph.layers.filter((layer) => layer.op === op).length;

const steps = ({ imported }: ExportedModel, kind: string): number =>
  imported.graph.layers.flatMap(({ epilogue }) => epilogue).filter((step) => step.kind === kind).length;

const byName = (name: string): ExportedModel => models.find((model) => model.name === name)!;

/** What a network is after it was written and read. */
async function stored({ imported: { graph, opset, producer } }: ExportedModel, name: string) {
  const classes = Array.from({ length: graph.values[graph.output]!.shape[1]! }, (_, index) => `class ${index}`);
  const channels = graph.values[graph.input]!.shape[3]!;
  const normalization = { mean: new Array<number>(channels).fill(0), deviation: new Array<number>(channels).fill(1) };
  const source = { format: "onnx", producer, opset, sha256: "" } as const;
  const about = { version: "0", name, classes, normalization, probabilities: false, source };
  return decodeNetwork(await encodeNetwork({ ...about, graph }));
}

describe("exported classifiers", () => {
  test("give as C what onnxruntime gives", { timeout: 300_000 }, async () => {
    const codes = models.map(({ imported, name }, index) =>
      generate({ graph: imported.graph, name }, { target: "host", precision: "float32", prefix: `model${index}` }),
    );
    await using program = await CProgram.write(codes, { together: true });
    const outputs = await program.runOnHost(
      "gcc",
      [...strict, "-O0"],
      models.map(({ image }) => image),
    );
    const wrong: string[] = [];
    for (const [index, model] of models.entries())
      if (shareOfTolerance(outputs[index]!, await runOnnxruntime(model)) > 1) wrong.push(model.name);
    expect(models.length).toBeGreaterThanOrEqual(8);
    expect(wrong).toEqual([]);
  });

  test("are channels last with nothing moved in between, but for shuffled channels", () => {
    const moving = models.filter((model) => hasOp("transpose")(model) > 0).map(({ name }) => name);
    expect(moving).toEqual(["densenet-shuffled"]);
  });

  test("come back from a file as the same network", async () => {
    for (const model of models) {
      const { graph } = await stored(model, model.name);
      const { model: asModel, state } = networkModel(graph);
      const again = lowerModel(asModel, (slot) => state.get(slot.name)!);
      const describeLayers = ({ layers }: typeof graph) =>
        layers.map(({ op, attributes, epilogue, weights }) => ({
          ...{ op, attributes },
          epilogue: epilogue.map(({ kind }) => kind),
          weights: weights.map((table) => [...table.values().subarray(0, 4)]),
        }));
      expect(describeLayers(again), model.name).toEqual(describeLayers(model.imported.graph));
    }
  });
});

describe("what exporters write out becomes one op", () => {
  test.each(["vit", "vit-fused", "vit-scaled"])("attention, layer norm and GELU of %s", (name) => {
    expect(hasOp("attention")(byName(name))).toBe(2);
    expect(hasOp("layerNorm")(byName(name))).toBe(5);
    expect(hasOp("softmax")(byName(name))).toBe(0);
    expect(steps(byName(name), "gelu")).toBe(2);
  });

  test("layer norm of means, differences and powers", () => {
    expect(hasOp("layerNorm")(byName("convnext-written-out"))).toBe(3);
    expect(hasOp("reduce")(byName("convnext-written-out"))).toBe(0);
  });

  test("HardSwish of HardSigmoid", () => {
    const model = byName("mobilenet-v3");
    expect(steps(model, "hardSwish")).toBeGreaterThanOrEqual(6);
    expect(hasOp("multiply")(model)).toBe(0);
  });

  test("SiLU of Sigmoid", () => {
    const model = byName("efficientnet");
    expect(steps(model, "unary")).toBeGreaterThanOrEqual(6);
    expect(hasOp("multiply")(model)).toBe(0);
  });
});
