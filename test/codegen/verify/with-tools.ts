import { describe, expect, test } from "vitest";
import { doctor } from "../../../codegen/verify/doctor.ts";

/**
 * A group of tests that needs external tools, named as the doctor names them. Where one is missing the group is skipped
 * with the reason in its name; under CI=true it fails instead.
 */
export async function describeWithTools(name: string, tools: readonly string[], body: () => void): Promise<void> {
  const report = await doctor();
  const wanting = report.tools.filter((tool) => tools.includes(tool.name) && tool.state !== "found");
  if (wanting.length === 0) {
    describe(name, body);
    return;
  }
  const reason = wanting.map((tool) => `${tool.name} is ${tool.state}: ${tool.install}`).join("; ");
  if (process.env["CI"] === "true") test(name, () => expect.fail(reason));
  else describe.skip(`${name} (skipped: ${reason})`, body);
}

export const riscvTools = ["riscv64-unknown-elf-gcc", "picolibc", "qemu-system-riscv32", "qemu-system-riscv64"];
