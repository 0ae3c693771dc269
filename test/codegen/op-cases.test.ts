import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { generate, isInt8, roundNetworkWeights } from "../../codegen/index.ts";
import { exportOnnx, onnxInput, onnxOutput } from "../../codegen/onnx/export.ts";
import { onnxAxes, onnxShape, permuteValues } from "../../codegen/onnx/layout.ts";
import type { Plan } from "../../codegen/schedule.ts";
import { CProgram, shareOfTolerance, strict } from "./c-program.ts";
import { expected } from "./graphs.ts";
import { deployableOps, opCaseNetworks, type OpCaseNetwork } from "./op-case-networks.ts";

const networks = opCaseNetworks();
const wanted = networks.map(expected);

/** Ops whose kernels the plan "size" writes differently. */
const compactOps = [
  "conv2d",
  "depthwiseConv2d",
  "matmul",
  "attention",
  "linearAttention",
  "averagePool",
  "maxPool",
  "mixPool",
] as const;

/** The cases that C of a plan computes differently from the reference. */
async function wrongAsC(
  cases: readonly OpCaseNetwork[],
  plan: Plan,
  level: string,
  answersOf = (network: OpCaseNetwork): Promise<Float32Array> => wanted[networks.indexOf(network)]!,
): Promise<string[]> {
  const codes = cases.map(({ graph, name }, index) =>
    generate({ graph, name }, { target: "host", precision: "float32", plan, prefix: `case${index}` }),
  );
  await using program = await CProgram.write(codes);
  const images = cases.map(({ image }) => image);
  const outputs = await program.runOnHost("gcc", [...strict, "-Wshadow", level], images);
  const answers = await Promise.all(cases.map(answersOf));
  const wrong = cases.filter((_, index) => shareOfTolerance(outputs[index]!, answers[index]!) > 1);
  return wrong.map(({ name }) => name);
}

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
    expect(await wrongAsC(networks, "default", "-O1")).toEqual([]);
  });

  test("agree with the reference as C of little code", { timeout: 300_000 }, async () => {
    const compact = networks.filter(({ ops }) => compactOps.some((op) => ops.has(op)));
    expect(compact.length).toBeGreaterThan(20);
    expect(await wrongAsC(compact, "size", "-O0")).toEqual([]);
  });

  test.each(["default", "size"] as const)(
    "with weights in int8 agree with the reference on the same, plan %s",
    { timeout: 300_000 },
    async (plan) => {
      const weighted = networks.flatMap((network) => {
        const graph = roundNetworkWeights(network.graph);
        return graph.layers.some(({ weights }) => weights.some(isInt8)) ? [{ ...network, graph }] : [];
      });
      expect(weighted.length).toBeGreaterThan(10);
      expect(await wrongAsC(weighted, plan, "-O0", expected)).toEqual([]);
    },
  );

  test("agree with the reference as ONNX", async () => {
    const answers = await Promise.all(wanted);
    const wrong: string[] = [];
    for (const [index, network] of networks.entries()) {
      const { shape } = network.graph.values[network.graph.output]!;
      const answer = permuteValues(answers[index]!, shape, onnxAxes(shape));
      if (shareOfTolerance(await runOnnx(network), answer) > 1) wrong.push(network.name);
    }
    expect(wrong).toEqual([]);
  });
});
