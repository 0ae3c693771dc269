import { describe, test } from "vitest";
import { CProgram, strict, type RiscvTarget } from "../c-program.ts";
import { integerCases, sharingCases } from "./cases.ts";
import { codesOf, expectInterpreted } from "./interpreted.ts";
import { hybridCases, quantizedCases } from "./quantized-networks.ts";

const sanitizers = ["-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

const networks = {
  "integer ops": () => Promise.resolve(integerCases()),
  "shared kernels": () => Promise.resolve(sharingCases()),
  "quantised networks": quantizedCases,
  hybrids: () => hybridCases(4, 16),
} as const;

describe.each([
  ["integer ops", "gcc", "host", "default", ["-O2"]],
  ["integer ops", "clang", "rv32imc", "direct", ["-O1"]],
  ["integer ops", "gcc", "rv64gc", "default", sanitizers],
  ["integer ops", "clang", "rv32imafc", "size", ["-O0", "-fsanitize=undefined", "-fsanitize-trap=undefined"]],
  ["integer ops", "gcc", "rv32imc", "winograd", sanitizers],
  ["shared kernels", "gcc", "rv64gc", "size", sanitizers],
  ["shared kernels", "gcc", "rv32imafc", "size", sanitizers],
  ["shared kernels", "gcc", "rv32imc", "size", sanitizers],
  ["quantised networks", "gcc", "rv64gc", "default", ["-O0"]],
  ["hybrids", "gcc", "rv32imc", "winograd", ["-O1"]],
] as const)("%s in one program by %s, kernels for %s, plan %s, %j", (kind, compiler, target, plan, flags) => {
  test("are equal to the interpreter", { timeout: 600_000 }, async () => {
    const cases = await networks[kind]();
    await using program = await CProgram.write(codesOf(cases, target, plan), { together: true });
    await expectInterpreted(cases, (images) => program.runOnHost<Int32Array>(compiler, [...strict, ...flags], images));
  });
});

describe.each(["rv32imafc", "rv32imc", "rv64gc"] as const)("%s under QEMU", (target: RiscvTarget) => {
  test("is equal to the interpreter", { timeout: 600_000 }, async () => {
    const cases = integerCases();
    await using program = await CProgram.write(codesOf(cases, target), { together: true });
    await expectInterpreted(cases, (images) => program.runOnRiscv<Int32Array>(target, images));
  });
});
