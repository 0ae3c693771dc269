import { describe, expect, test } from "vitest";
import { createInterpreter, generate, type GeneratedCode, type TargetName } from "../../../codegen/index.ts";
import type { Plan } from "../../../codegen/schedule.ts";
import { CProgram, strict, type RiscvTarget } from "../c-program.ts";
import { shadowNetwork } from "./shadow-network.ts";
import { integerCases } from "./cases.ts";
import type { IntegerCase } from "./networks.ts";
import { hybridCases, quantizedCases } from "./quantized-networks.ts";

const sanitizers = ["-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

function codes(cases: readonly IntegerCase[], target: TargetName, plan: Plan = "default"): GeneratedCode[] {
  return cases.map(({ graph, name }, index) =>
    generate({ ...shadowNetwork(graph), name }, { target, plan, precision: "int8", prefix: `case${index}` }),
  );
}

/** Runs all images of all cases, and expects what the interpreter gives. */
async function compare(
  cases: readonly IntegerCase[],
  run: (images: readonly Int8Array[]) => Promise<readonly Int32Array[]>,
): Promise<void> {
  const interpreters = await Promise.all(cases.map(({ graph }) => createInterpreter(graph)));
  const wrong = new Set<string>();
  for (const at of cases[0]!.images.keys()) {
    const outputs = await run(cases.map(({ images }) => images[at]!));
    for (const [index, { name, images }] of cases.entries()) {
      const answer = await interpreters[index]!.run(images[at]!);
      if (outputs[index]!.join() !== answer.join()) wrong.add(name);
    }
  }
  expect([...wrong]).toEqual([]);
}

const networks = {
  "integer ops": () => Promise.resolve(integerCases()),
  "quantised networks": quantizedCases,
  hybrids: () => hybridCases(4, 16),
} as const;

describe.each([
  ["integer ops", "gcc", "host", "default", ["-O2"]],
  ["integer ops", "clang", "rv32imc", "direct", ["-O1"]],
  ["integer ops", "gcc", "rv64gc", "default", sanitizers],
  ["integer ops", "clang", "rv32imafc", "size", ["-O1", "-fsanitize=undefined", "-fsanitize-trap=undefined"]],
  ["integer ops", "gcc", "rv32imc", "winograd", sanitizers],
  ["quantised networks", "gcc", "rv64gc", "default", ["-O0"]],
  ["hybrids", "gcc", "rv32imc", "winograd", ["-O1"]],
] as const)("%s in one program by %s, kernels for %s, plan %s, %j", (kind, compiler, target, plan, flags) => {
  test("are equal to the interpreter", { timeout: 600_000 }, async () => {
    const cases = await networks[kind]();
    await using program = await CProgram.write(codes(cases, target, plan));
    await compare(cases, (images) => program.runOnHost<Int32Array>(compiler, [...strict, ...flags], images));
  });
});

describe.each(["rv32imafc", "rv32imc", "rv64gc"] as const)("%s under QEMU", (target: RiscvTarget) => {
  test("is equal to the interpreter", { timeout: 600_000 }, async () => {
    const cases = integerCases();
    await using program = await CProgram.write(codes(cases, target));
    await compare(cases, (images) => program.runOnRiscv<Int32Array>(target, images));
  });
});
