import { describe, test } from "vitest";
import { networkCases } from "../../codegen/graphs.ts";
import { integerCases } from "../../codegen/int8/cases.ts";
import { hybridCases, quantizedCases } from "../../codegen/int8/quantized-networks.ts";
import { opCaseNetworks } from "../../codegen/op-case-networks.ts";
import { expectInterpretedByVectors, expectReferenceByVectors } from "../../codegen/rvv/by-vectors.ts";
import { describeWithTools, riscvTools } from "../../codegen/verify/with-tools.ts";

const networks = [...networkCases(), ...opCaseNetworks()];
const atOnce = 40;
const batches = Array.from({ length: Math.ceil(networks.length / atOnce) }, (_, batch) => batch);
const lengths = [128, 256, 512];

await describeWithTools("C with vectors under QEMU", ["clang-19", ...riscvTools], () => {
  describe.each([
    ["rv64gcv", "default"],
    ["rv64gcv", "size"],
    ["rv32imafc_zve32f", "default"],
    ["rv32imafc_zve32f", "size"],
  ] as const)("%s, plan %s", (target, plan) => {
    test.each(batches)("networks and op cases, batch %i", { timeout: 900_000 }, async (batch) => {
      const cases = networks.slice(batch * atOnce, (batch + 1) * atOnce);
      await expectReferenceByVectors(cases, target, lengths, plan);
    });

    test.each([
      ["integer ops", () => Promise.resolve(integerCases())],
      ["quantised networks", quantizedCases],
      ["hybrids", () => hybridCases(8, 16)],
    ] as const)("%s", { timeout: 900_000 }, async (_, cases) => {
      await expectInterpretedByVectors(await cases(), target, lengths, plan);
    });
  });
});
