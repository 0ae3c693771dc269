import { describe, expect, test } from "vitest";
import { calibrate, generate, quantizeNetwork, type CodegenNetwork, type CodegenOptions } from "../../codegen/index.ts";
import { sourceOf } from "../../codegen/verify/driver/glue.ts";
import { compileProgram, releaseFlags, strictWarnings, withTemporaryFolder } from "../../codegen/verify/program.ts";
import type { RiscvTargetName } from "../../codegen/verify/targets.ts";
import { builtInArchitectures } from "../../engine/architecture.ts";
import { Model } from "../../engine/model.ts";
import { lowerModel } from "../../engine/plan/lower.ts";
import { createReferenceBackend } from "../../kernels/reference/index.ts";
import { describeWithTools } from "./verify/with-tools.ts";

const flags = [...releaseFlags, ...strictWarnings, "-Wshadow", "-Werror"];

async function textBytes(network: CodegenNetwork, options: CodegenOptions & { target: RiscvTargetName }) {
  const code = generate(network, options);
  const { size } = await withTemporaryFolder((folder) =>
    compileProgram(sourceOf(code), folder, { target: options.target, flags }),
  );
  expect(size.dataBytes + size.bssBytes).toBe(0);
  return size.textBytes;
}

describe.each(["resnet8", "ref-hybrid"])("code of %s in float32", (name) => {
  const graph = lowerModel(Model.fromArchitecture(builtInArchitectures[name]!));

  test.each([
    ["default", "rv32imafc", 24_000],
    ["size", "rv32imafc", 6_000],
    ["size", "rv32imc", 6_000],
  ] as const)("plan %s for %s has at most %d bytes", { timeout: 120_000 }, async (plan, target, most) => {
    const options = { target, precision: "float32", plan } as const;
    expect(await textBytes({ graph, name }, options)).toBeLessThanOrEqual(most);
  });
});

async function integerNetwork(name: string): Promise<CodegenNetwork> {
  const graph = lowerModel(Model.fromArchitecture(builtInArchitectures[name]!));
  const image = Float32Array.from({ length: 32 * 32 * 3 }, (_, i) => Math.sin(i));
  const backend = createReferenceBackend();
  const quantized = quantizeNetwork(await calibrate(graph, [image], { backend }));
  await backend.dispose();
  return { graph, name, quantized };
}

await describeWithTools("code with vectors", ["clang-19"], () => {
  test.each([
    ["resnet8", 3_000, 7_000],
    ["ref-hybrid", 6_000, 8_000],
  ] as const)(
    "of %s as size has at most %d bytes in float32, %d in int8",
    { timeout: 240_000 },
    async (name, float32, int8) => {
      const network = await integerNetwork(name);
      const options = { target: "rv64gcv", plan: "size" } as const;
      expect(await textBytes(network, { ...options, precision: "float32" })).toBeLessThanOrEqual(float32);
      expect(await textBytes(network, { ...options, precision: "int8" })).toBeLessThanOrEqual(int8);
    },
  );
});

test.each([
  ["resnet8", 24_000, 2_500, 3_500],
  ["ref-hybrid", 24_000, 5_000, 6_000],
] as const)(
  "code of %s in int8 has at most %d bytes, as size %d",
  { timeout: 240_000 },
  async (name, most, least, packed) => {
    const network = await integerNetwork(name);
    const options = { target: "rv32imc", precision: "int8" } as const;
    expect(await textBytes(network, options)).toBeLessThanOrEqual(most);
    expect(await textBytes(network, { ...options, plan: "size" })).toBeLessThanOrEqual(least);
    expect(await textBytes(network, { ...options, target: "rv64gc", plan: "size" })).toBeLessThanOrEqual(packed);
  },
);
