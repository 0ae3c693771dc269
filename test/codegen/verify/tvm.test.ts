import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { checkAgreement, compareOutputs } from "../../../codegen/verify/agreement.ts";
import { pythonEnvironment } from "../../../codegen/verify/folders.ts";
import { compileWithTvm, runBestBuild, runTvmModel, tvmBuilds } from "../../../codegen/verify/tvm.ts";
import { verify } from "../../../codegen/verify/verify.ts";
import { tinyCode, tinyImages, tinyOnnx } from "./tiny-model.ts";
import { describeWithTools, riscvTools } from "./with-tools.ts";

const images = tinyImages.slice(0, 2);
const targets = ["host", "rv32imafc", "rv32imc"] as const;

await describeWithTools("TVM", ["gcc", "tvm", ...riscvTools], () => {
  test(
    "agrees on this machine, with an FPU and without one, with its own figures beside",
    { timeout: 120_000 },
    async () => {
      const rows = await verify({
        onnx: tinyOnnx,
        generate: () => tinyCode,
        targets,
        against: ["tvm"],
        images,
        hostCompilers: ["gcc"],
      });
      expect(rows.map(({ target, reference }) => `${target} ${reference}`)).toEqual(
        targets.flatMap((target) => [`${target} tvm`, `${target} tvm-scheduled`]),
      );
      checkAgreement(rows);
      for (const row of rows) {
        expect(row.referenceTextBytes).toBeGreaterThan(500);
        expect(row.referenceRodataBytes).toBeGreaterThanOrEqual(4 * 120);
        // input, output and the convolution's 4 × 4 × 4 result at least
        expect(row.referenceRamBytes).toBeGreaterThan(4 * (48 + 3 + 64));
        expect(row.referenceInstructions === null).toBe(row.target === "host");
        expect(row.referenceRamBytes).toBe(row.referenceArenaBytes! + 4 * (48 + 3) + row.referenceStackBytes!);
        expect(row.referenceBuild).toMatch(row.target === "host" ? /^llvm$/ : /^(llvm|C -O[23])$/);
      }
      const [untuned, scheduled] = rows.slice(2);
      expect(scheduled?.referenceInstructions).toBeLessThan(untuned?.referenceInstructions ?? 0);
    },
  );

  test("compiles a model once and keeps it by content", { timeout: 60_000 }, async () => {
    const environment = pythonEnvironment();
    const first = await compileWithTvm(tinyOnnx, ["rv32imafc"]);
    const messages: string[] = [];
    const again = await compileWithTvm(tinyOnnx, ["rv32imafc"], { onProgress: (message) => messages.push(message) });
    expect(again).toEqual(first);
    expect(messages).toEqual([]);
    expect(environment).toMatch(/tvm-venv$/);
    expect(first.map(({ report }) => report.unscheduled)).toEqual([[], []]);
  });

  test(
    "its C by gcc gives what its objects give; the build with fewest instructions is taken",
    { timeout: 60_000 },
    async () => {
      const [model] = await compileWithTvm(tinyOnnx, ["rv32imafc"], { schedules: ["scheduled"] });
      const runs = await Promise.all(tvmBuilds.map((build) => runTvmModel(model!, [4, 4, 3], images, build)));
      const [own, ...others] = runs;
      for (const { outputs } of others) expect(compareOutputs(outputs, own!.outputs).maxAbsError).toBeLessThan(1e-6);
      const best = await runBestBuild(model!, [4, 4, 3], images);
      expect(best.instructions).toBe(Math.min(...runs.map(({ instructions }) => instructions!)));
    },
  );

  test("an input of another size is an error", { timeout: 60_000 }, async () => {
    const [model] = await compileWithTvm(tinyOnnx, ["host"], { schedules: ["untuned"] });
    if (!model) throw new Error("no model");
    await expect(runTvmModel(model, [8, 8, 3], [new Float32Array(192)], "llvm")).rejects.toThrow(
      "the ONNX model takes 48 values, expected 192",
    );
  });

  test("a damaged model is an error", { timeout: 60_000 }, async () => {
    await expect(compileWithTvm(tinyOnnx.slice(0, 600), ["host"])).rejects.toThrow("TVM's Python failed");
  });
});

test("without TVM the error says how to get it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "finch-empty-"));
  vi.stubEnv("FINCH_TOOLS", folder);
  await expect(compileWithTvm(tinyOnnx, ["rv32imafc"])).rejects.toThrow(
    /TVM is not installed in .*: run `finch doctor --install`/,
  );
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});
