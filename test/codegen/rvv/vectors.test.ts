import { expect, test } from "vitest";
import { generate } from "../../../codegen/index.ts";
import { CProgram, shareOfTolerance } from "../c-program.ts";
import { expected, networkCases } from "../graphs.ts";
import { describeWithTools, riscvTools } from "../verify/with-tools.ts";

const cases = networkCases().filter(({ name }) => /vision|residual|inverted|odd|softmax|layer norm|mixPool/.test(name));
const images = cases.map(({ image }) => image);

await describeWithTools("C with vectors under QEMU", ["clang-19", ...riscvTools], () => {
  test.each([
    ["rv64gcv", [128, 256, 512]],
    ["rv32imafc_zve32f", [128, 256]],
  ] as const)("%s agrees with the reference for registers of %j bits", async (target, vectorBits) => {
    const codes = cases.map(({ graph, name }, index) =>
      generate({ graph, name }, { target, precision: "float32", prefix: `case${index}` }),
    );
    await using program = await CProgram.write(codes, { together: true });
    const answers = await Promise.all(cases.map(expected));
    for (const outputs of await program.runWithVectors(target, vectorBits, images)) {
      const wrong = cases.flatMap(({ name }, index) => {
        const share = shareOfTolerance(outputs[index]!, answers[index]!);
        return share <= 1 ? [] : [`${name}: ${share} of the tolerance`];
      });
      expect(wrong).toEqual([]);
    }
  });
});
