import { ToolError } from "../../engine/errors.ts";
import { type CommandOptions, type CommandResult, findOnPath, runCommand } from "./process.ts";

/** An external program, the names it goes by, and the Debian package that brings it. */
interface ExternalTool {
  readonly commands: readonly string[];
  readonly debianPackage: string;
}

export const externalTools = {
  gcc: { commands: ["gcc"], debianPackage: "gcc" },
  clang: {
    commands: ["clang", "clang-21", "clang-20", "clang-19", "clang-18", "clang-17", "clang-16", "clang-15", "clang-14"],
    debianPackage: "clang",
  },
  "clang-19": { commands: ["clang-19", "clang-20", "clang-21"], debianPackage: "clang-19" },
  "g++": { commands: ["g++"], debianPackage: "g++" },
  cppcheck: { commands: ["cppcheck"], debianPackage: "cppcheck" },
  cmake: { commands: ["cmake"], debianPackage: "cmake" },
  size: { commands: ["size"], debianPackage: "binutils" },
  nm: { commands: ["nm"], debianPackage: "binutils" },
  "riscv64-unknown-elf-gcc": { commands: ["riscv64-unknown-elf-gcc"], debianPackage: "gcc-riscv64-unknown-elf" },
  "riscv64-unknown-elf-size": {
    commands: ["riscv64-unknown-elf-size"],
    debianPackage: "binutils-riscv64-unknown-elf",
  },
  "riscv64-unknown-elf-nm": { commands: ["riscv64-unknown-elf-nm"], debianPackage: "binutils-riscv64-unknown-elf" },
  "riscv64-unknown-elf-objdump": {
    commands: ["riscv64-unknown-elf-objdump"],
    debianPackage: "binutils-riscv64-unknown-elf",
  },
  "qemu-system-riscv32": { commands: ["qemu-system-riscv32"], debianPackage: "qemu-system-misc" },
  "qemu-system-riscv64": { commands: ["qemu-system-riscv64"], debianPackage: "qemu-system-misc" },
} as const satisfies Record<string, ExternalTool>;

export type ExternalToolName = keyof typeof externalTools;

/** Path of a tool on this machine, or null. */
export async function findTool(name: ExternalToolName): Promise<string | null> {
  for (const command of externalTools[name].commands) {
    const path = await findOnPath(command);
    if (path !== null) return path;
  }
  return null;
}

/** @throws ToolError naming the Debian package when the tool is not on this machine. */
export async function requireTool(name: ExternalToolName): Promise<string> {
  const path = await findTool(name);
  if (path !== null) return path;
  throw new ToolError(
    `${name} is not on this machine: install it with \`finch doctor --install\` or \`apt-get install ${externalTools[name].debianPackage}\``,
  );
}

/** Runs a tool and expects status 0. @throws ToolError with the end of what it said otherwise. */
export async function runTool(
  name: ExternalToolName,
  parameters: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const result = await runCommand(await requireTool(name), parameters, options);
  if (result.timedOut) throw new ToolError(`${name} did not end within ${options.timeoutSeconds ?? 600} seconds`);
  if (result.code !== 0) {
    throw new ToolError(`${name} failed with status ${result.code}: ${lastLines(result.stderr || result.stdout)}`);
  }
  return result;
}

/** The end of a long output, for an error message. */
export function lastLines(text: string, count = 12): string {
  return text.trimEnd().split("\n").slice(-count).join("\n");
}
