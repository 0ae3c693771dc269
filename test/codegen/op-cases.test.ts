import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { generate } from "../../codegen/index.ts";
import { exportOnnx, onnxInput, onnxOutput } from "../../codegen/onnx/export.ts";
import { onnxAxes, onnxShape, permuteValues } from "../../codegen/onnx/layout.ts";
import { CProgram, shareOfTolerance, strict } from "./c-program.ts";
import { expected } from "./graphs.ts";
import { deployableOps, opCaseNetworks, type OpCaseNetwork } from "./op-case-networks.ts";

const networks = opCaseNetworks();
const wanted = Promise.all(networks.map(expected));

async function runOnnx({ graph, image }: OpCaseNetwork): Promise<Float32Array> {
  const session = await InferenceSession.create(exportOnnx(graph, { name: "case" }));
  const { shape } = graph.values[graph.input]!;
  const feed = new OrtTensor("float32", permuteValues(image, shape, onnxAxes(shape)), onnxShape(shape));
  return (await session.run({ [onnxInput]: feed }))[onnxOutput]!.data as Float32Array;
}

describe("op cases", () => {
  test("cover every op that can be deployed", () => {
    const covered = new Set(networks.flatMap(({ ops }) => [...ops]));
    expect(deployableOps.filter((op) => !covered.has(op))).toEqual([]);
  });

  test("agree with the reference as C", { timeout: 300_000 }, async () => {
    const codes = networks.map(({ graph, name }, index) =>
      generate({ graph, name }, { target: "host", precision: "float32", prefix: `case${index}` }),
    );
    await using program = await CProgram.write(codes);
    const outputs = await program.runOnHost(
      "gcc",
      [...strict, "-O1"],
      networks.map(({ image }) => image),
    );
    const answers = await wanted;
    const wrong = networks.filter((_, index) => shareOfTolerance(outputs[index]!, answers[index]!) > 1);
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  test("agree with the reference as ONNX", async () => {
    const answers = await wanted;
    const wrong: string[] = [];
    for (const [index, network] of networks.entries()) {
      const { shape } = network.graph.values[network.graph.output]!;
      const answer = permuteValues(answers[index]!, shape, onnxAxes(shape));
      if (shareOfTolerance(await runOnnx(network), answer) > 1) wrong.push(network.name);
    }
    expect(wrong).toEqual([]);
  });
});
