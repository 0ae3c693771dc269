import { dirname } from "node:path";
import { ToolError } from "../../engine/errors.ts";
import type { HostCompiler } from "./program.ts";
import { picolibcFlags, riscvTargets, type VerifyTarget } from "./targets.ts";
import { type ExternalToolName, runTool } from "./tools.ts";

/** What makes objects of generated C for a target. */
export interface ModelCompiler {
  readonly tool: ExternalToolName;
  /** Instruction set and calling convention. */
  readonly machine: readonly string[];
}

/** The compiler of generated C for a target: gcc, and for RISC-V's vectors clang. */
export function modelCompiler(target: VerifyTarget, hostCompiler: HostCompiler = "gcc"): ModelCompiler {
  if (target === "host") return { tool: hostCompiler, machine: [] };
  const { flags, vectorFlags } = riscvTargets[target];
  return vectorFlags === undefined
    ? { tool: "riscv64-unknown-elf-gcc", machine: flags }
    : { tool: "clang-19", machine: vectorFlags };
}

/** Flags with which such a compiler finds the C library of the target. @throws ToolError when there is none */
export async function libraryFlags(target: VerifyTarget): Promise<readonly string[]> {
  if (target === "host") return [];
  return riscvTargets[target].vectorFlags === undefined ? picolibcFlags : ["-isystem", await picolibcHeaders()];
}

/** Where the headers of picolibc lie, as gcc knows. */
async function picolibcHeaders(): Promise<string> {
  const { stdout } = await runTool("riscv64-unknown-elf-gcc", ["--specs=picolibc.specs", "-M", "-E", "-x", "c", "-"], {
    input: "#include <string.h>\n",
  });
  const header = /\S+\/string\.h/.exec(stdout)?.[0];
  if (header === undefined)
    throw new ToolError("picolibc's headers were not found: `finch doctor --install` gets them");
  return dirname(header);
}
