import { describe, expect, test } from "vitest";
import { generate, type GeneratedCode, type TargetName } from "../../codegen/index.ts";
import { CProgram, shareOfTolerance, strict, type RiscvTarget } from "./c-program.ts";
import { expected, networkCases, type NetworkCase } from "./graphs.ts";

const cases = networkCases();
const wanted = Promise.all(cases.map(expected));

function codes(target: TargetName, of: readonly NetworkCase[] = cases): GeneratedCode[] {
  return of.map(({ graph, name }, index) =>
    generate({ graph, name }, { target, precision: "float32", prefix: `case${index}` }),
  );
}

async function compare(outputs: readonly Float32Array[], of: readonly number[] = [...cases.keys()]): Promise<void> {
  const answers = await wanted;
  const wrong = of.flatMap((index, at) => {
    const share = shareOfTolerance(outputs[at]!, answers[index]!);
    return share <= 1 ? [] : [`${cases[index]!.name}: ${share} of the tolerance`];
  });
  expect(wrong).toEqual([]);
}

const images = cases.map(({ image }) => image);

describe.each([
  ["gcc", "host", ["-O2"]],
  ["clang", "host", ["-O1"]],
  ["gcc", "rv32imc", ["-O1"]],
  ["gcc", "host", ["-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]],
] as const)("all ops in one program by %s, tiles for %s, %j", (compiler, target, flags) => {
  test("agree with the reference", async () => {
    await using program = await CProgram.write(codes(target));
    await compare(await program.runOnHost(compiler, [...strict, ...flags], images));
  });
});

describe.each(["rv32imafc", "rv32imc", "rv64gc"] as const)("%s under QEMU", (target: RiscvTarget) => {
  test("agrees with the reference", async () => {
    const chosen = [...cases.keys()].filter((index) =>
      /vision|residual|inverted|odd|softmax|layer norm|mixPool/.test(cases[index]!.name),
    );
    const some = chosen.map((index) => cases[index]!);
    await using program = await CProgram.write(codes(target, some));
    await compare(
      await program.runOnRiscv(
        target,
        some.map(({ image }) => image),
      ),
      chosen,
    );
  });
});
