import { describe, test } from "vitest";
import { CProgram, strict } from "../../codegen/c-program.ts";
import { codesOf, expectInterpreted } from "../../codegen/int8/interpreted.ts";
import { hybridCases } from "../../codegen/int8/quantized-networks.ts";
import { describeWithTools, riscvTools } from "../../codegen/verify/with-tools.ts";

const hybrids = 200;
const atOnce = 8;

/** Five images each, a thousand in all. */
const batches = hybridCases(hybrids, 16).then((cases) =>
  Array.from({ length: hybrids / atOnce }, (_, batch) => cases.slice(batch * atOnce, (batch + 1) * atOnce)),
);

await describeWithTools("random hybrids in integers", ["gcc", "clang", ...riscvTools], () => {
  describe.each(Array.from({ length: hybrids / atOnce }, (_, batch) => batch))("batch %i", (batch) => {
    test.each([
      ["gcc", "rv64gc", "default"],
      ["clang", "rv32imafc", "direct"],
    ] as const)("%s, kernels for %s, plan %s", { timeout: 900_000 }, async (compiler, target, plan) => {
      const cases = (await batches)[batch]!;
      await using program = await CProgram.write(codesOf(cases, target, plan));
      await expectInterpreted(cases, (images) => program.runOnHost<Int32Array>(compiler, [...strict, "-O1"], images));
    });

    test("rv32imc under QEMU, plan winograd", { timeout: 900_000 }, async () => {
      const cases = (await batches)[batch]!;
      await using program = await CProgram.write(codesOf(cases, "rv32imc", "winograd"));
      await expectInterpreted(cases, (images) => program.runOnRiscv<Int32Array>("rv32imc", images));
    });
  });
});
