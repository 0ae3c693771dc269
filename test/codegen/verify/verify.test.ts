import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { checkAgreement } from "../../../codegen/verify/agreement.ts";
import { findOnPath } from "../../../codegen/verify/process.ts";
import { checkStack } from "../../../codegen/verify/stack.ts";
import { verifyTargets } from "../../../codegen/verify/targets.ts";
import { verify, verifyReportSchema, type VerifyRequest } from "../../../codegen/verify/verify.ts";
import { tinyCode, tinyImages, tinyOnnx, tinyReference, wrongCode } from "./tiny-model.ts";
import { describeWithTools, riscvTools } from "./with-tools.ts";

const request: VerifyRequest = {
  onnx: tinyOnnx,
  generate: () => tinyCode,
  targets: ["host"],
  against: ["engine"],
  images: tinyImages,
  referenceOutputs: tinyImages.map(tinyReference),
};

afterEach(() => vi.unstubAllEnvs());

const programs = [
  ...["gcc", "clang", "clang-19", "size", "as", "ld", "setpriv"],
  ...["riscv64-unknown-elf-gcc", "riscv64-unknown-elf-size", "riscv64-unknown-elf-objdump"],
  ...["qemu-system-riscv32", "qemu-system-riscv64"],
];

await describeWithTools("verify against the engine", ["gcc", "clang", "clang-19", ...riscvTools], () => {
  test("runs on this machine and on every RISC-V target, with no Python on the path", { timeout: 60_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), "finch-path-"));
    for (const program of programs) {
      const path = await findOnPath(program);
      if (path !== null) await symlink(path, join(folder, program));
    }
    vi.stubEnv("PATH", folder);
    expect(await findOnPath("python3")).toBeNull();

    const rows = await verify({
      ...request,
      targets: verifyTargets,
      flags: ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-O2", "-ffp-contract=fast"],
    });
    await rm(folder, { recursive: true });

    expect(rows.map(({ target, compiler }) => `${target} ${compiler}`)).toEqual([
      "host gcc",
      "host clang",
      "rv32imafc gcc",
      "rv32imc gcc",
      "rv64gc gcc",
      "rv64gcv clang",
      "rv32imafc_zve32f clang",
    ]);
    verifyReportSchema.parse({ rows });
    checkAgreement(rows);
    checkStack(rows);
    for (const row of rows) {
      expect(row).toMatchObject({ images: 3, top1Agreement: 1, reference: "engine", referenceInstructions: null });
      // arena of 4 floats, input, output
      expect(row.ramBytes).toBe(4 * (4 + 48 + 3) + row.stackBytes);
      expect(row.stackBytes).toBeGreaterThanOrEqual(64);
      expect(row.maxUlp).toBeGreaterThanOrEqual(row.medianUlp ?? Infinity);
      expect(row.stackBoundBytes === null).toBe(row.compiler === "clang" && row.target === "host");
      // clang keeps some weights in the code
      expect(row.rodataBytes).toBeGreaterThan(4 * 100);
      expect(row.textBytes + row.rodataBytes).toBeGreaterThan(4 * 120 + 100);
      expect(row.instructions === null).toBe(row.target === "host");
    }
    const [float, soft] = rows.slice(2);
    expect(soft?.instructions).toBeGreaterThan(10 * (float?.instructions ?? Infinity));
    expect(float?.instructionsPerMac).toBeCloseTo((float?.instructions ?? 0) / tinyCode.macs, 9);
  });

  test("instructions are exact: the same on every run", { timeout: 30_000 }, async () => {
    const once = async () => (await verify({ ...request, targets: ["rv32imafc"] }))[0]?.instructions;
    expect(await once()).toBe(await once());
  });

  test("a weight that is off by 0.001 shows", async () => {
    const rows = await verify({ ...request, generate: () => wrongCode });
    expect(() => checkAgreement(rows)).toThrow(
      /generated C on host disagrees with engine: largest error \d\.\d\de-[345]/,
    );
  });

  test("compiles for processors that trap on misaligned access", { timeout: 30_000 }, async () => {
    checkAgreement(await verify({ ...request, targets: ["rv32imafc"], strictAlign: true }));
  });

  test("code that never ends is stopped", { timeout: 30_000 }, async () => {
    const endless = withBody("for (;;) context->arena[0] += input[0];");
    await expect(
      verify({ ...request, generate: () => endless, targets: ["rv32imc"], timeoutSeconds: 2 }),
    ).rejects.toThrow("generated C on rv32imc did not end within 2 seconds");
  });

  test("code that reports an error is an error", async () => {
    const failing = withBody("(void)context; output[0] = input[0]; return -7;");
    await expect(verify({ ...request, generate: () => failing, hostCompilers: ["gcc"] })).rejects.toThrow(
      "generated C on host ended with status 3",
    );
  });

  test("code that crashes is an error", async () => {
    const crashing = withBody("(void)context; (void)input; *(volatile float *)0 = 1.0f; return 0;");
    await expect(verify({ ...request, generate: () => crashing, hostCompilers: ["gcc"] })).rejects.toThrow(
      "generated C on host was ended by SIGSEGV",
    );
  });

  test("code that does not compile is an error with what the compiler says", async () => {
    const broken = withBody("return undeclared;");
    await expect(verify({ ...request, generate: () => broken, hostCompilers: ["gcc"] })).rejects.toThrow(
      /gcc failed with status 1: [^]*undeclared/,
    );
  });
});

function withBody(statements: string) {
  const [header] = tinyCode.files;
  const text = `#include "tiny.h"\nint tiny_run(tiny_context *context, const float *input, float *output) {\n(void)output;\n${statements}\n}\n`;
  return { ...tinyCode, files: [...(header ? [header] : []), { name: "tiny.c", text }] };
}

describe("verify", () => {
  test("a missing compiler is an error that names the Debian package", async () => {
    vi.stubEnv("PATH", "");
    await expect(verify({ ...request, targets: ["rv64gc"] })).rejects.toThrow(
      "apt-get install gcc-riscv64-unknown-elf",
    );
  });

  test("says what is wrong with a request", async () => {
    await expect(verify({ ...request, images: [] })).rejects.toThrow("no images");
    await expect(verify({ ...request, referenceOutputs: [] })).rejects.toThrow("0 outputs of the engine for 3 images");
    const { onnx: _, ...withoutModel } = request;
    await expect(verify({ ...withoutModel, against: ["tvm"] })).rejects.toThrow("ONNX model, which was not given");
  });
});

await describeWithTools("verify against onnxruntime", ["gcc", "onnxruntime-node"], () => {
  test("agrees on the exported model", async () => {
    const rows = await verify({ ...request, against: ["onnxruntime"], hostCompilers: ["gcc"] });
    expect(rows).toHaveLength(1);
    checkAgreement(rows);
  });
});
