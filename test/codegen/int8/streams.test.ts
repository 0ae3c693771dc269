import { describe, expect, test } from "vitest";
import { generate, type CodegenOptions } from "../../../codegen/index.ts";
import { resnet8 } from "../../../engine/architecture.ts";
import { Model } from "../../../engine/model.ts";
import { lowerModel } from "../../../engine/plan/lower.ts";
import { randomNormal } from "../../../engine/random.ts";
import { CProgram, strict } from "../c-program.ts";
import { codesOf, expectInterpreted } from "./interpreted.ts";
import { hybridCases, integerCase } from "./quantized-networks.ts";
import { streamCases } from "./stream-cases.ts";

const checked = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

const networks = {
  "layers of every kind": () => Promise.resolve(streamCases()),
  "random hybrids": () => hybridCases(4, 16),
} as const;

describe.each([
  ["layers of every kind", "rv32imc", "ram", []],
  ["layers of every kind", "rv32imc", "winograd", []],
  ["layers of every kind", "rv32imafc", "ram", checked],
  ["layers of every kind", "rv64gc", "default", []],
  ["layers of every kind", "rv64gc", "size", checked],
  ["random hybrids", "rv64gc", "ram", []],
] as const)("%s row by row, kernels for %s, plan %s, %j", (kind, target, plan, flags) => {
  test("are equal to the interpreter", { timeout: 600_000 }, async () => {
    const cases = await networks[kind]();
    const codes = codesOf(cases, target, plan);
    const whole = codes.flatMap(({ files }, index) =>
      files.some(({ text }) => /int row0? = 0/.test(text)) ? [] : [cases[index]!.name],
    );
    if (kind === "layers of every kind" && plan === "ram") expect(whole).toEqual([]);
    await using program = await CProgram.write(codes, { together: true });
    const run = (images: readonly Int8Array[]) =>
      program.runOnHost<Int32Array>("gcc", [...strict, "-O0", ...flags], images);
    await expectInterpreted(cases, run);
  });
});

test("resnet8 takes less than half the memory row by row; a limit is met or refused", async () => {
  const graph = lowerModel(Model.fromArchitecture(resnet8));
  const image = Float32Array.from({ length: 32 * 32 * 3 }, (_, i) => randomNormal(3, i));
  const network = { graph, name: "resnet8", quantized: (await integerCase({ name: "resnet8", graph, image })).graph };
  const options = { target: "rv32imc", precision: "int8" } as const;
  const arena = (more: Pick<CodegenOptions, "plan" | "ram">): number =>
    generate(network, { ...options, ...more }).arenaBytes;
  expect(arena({ plan: "direct" })).toBe(2 * 32 * 32 * 16);
  expect(arena({})).toBe(14_336);
  expect(arena({ ram: 20_000 })).toBeLessThanOrEqual(20_000);
  expect(() => arena({ ram: 14_000 })).toThrow(
    "codegen: 14000 bytes of working memory are too few: no plan needs less than 14336",
  );
});
