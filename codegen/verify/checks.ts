import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Cells } from "../element.ts";
import { ToolError } from "../../engine/errors.ts";
import { libraryFlags, modelCompiler } from "./compiler.ts";
import { sourceOf } from "./driver/glue.ts";
import {
  compileProgram,
  type CompileOptions,
  type HostCompiler,
  releaseFlags,
  runProgram,
  strictWarnings,
  withTemporaryFolder,
} from "./program.ts";
import { canSanitize, sanitized } from "./sanitizers.ts";
import type { VerifyTarget } from "./targets.ts";
import { type ExternalToolName, findTool, runTool } from "./tools.ts";
import type { VerifiableCode } from "./verify.ts";

export const checkRowSchema = z.object({
  check: z.enum(["warnings", "header", "symbols", "sanitizers", "alignment", "analysis"]),
  /** What it was made with: compiler or analyser. */
  tool: z.string(),
  target: z.string(),
  /** Skipped where the tool is not on this machine. */
  state: z.enum(["passed", "failed", "skipped"]),
  /** What was found, or why it was skipped. */
  detail: z.string(),
});

/** One property of generated C that no output shows. */
export type CheckRow = z.infer<typeof checkRowSchema>;

export interface CheckRequest {
  readonly code: VerifiableCode;
  readonly target: VerifyTarget;
  /** Each [height, width, channels], normalised. */
  readonly images: readonly Cells[];
  /** Default: all that the target has. */
  readonly only?: readonly CheckRow["check"][];
  readonly onProgress?: (message: string) => void;
}

const strict = [...strictWarnings, "-Wundef", "-Werror"] as const;

/**
 * Everything about generated C that can be checked without a reference: no warnings in C99 and C11, a header that C++
 * takes, no symbol from outside but memcpy, memset and the compiler's own arithmetic, no undefined behaviour, the same
 * bits on a processor that traps on misaligned access, nothing that static analysis objects to.
 */
export async function checkCode(request: CheckRequest): Promise<CheckRow[]> {
  const checks = request.target === "host" ? hostChecks : riscvChecks;
  const rows: CheckRow[] = [];
  for (const { check, run } of checks) if (request.only?.includes(check) ?? true) rows.push(await run(request));
  return rows;
}

interface Check {
  readonly check: CheckRow["check"];
  readonly run: (request: CheckRequest) => Promise<CheckRow>;
}

/** A check that cannot be made on this machine. */
class Unavailable extends Error {}

/** A check that a tool makes: it passes unless `work` throws a ToolError or gives an objection. */
function checkWith(
  check: CheckRow["check"],
  tool: ExternalToolName,
  work: (request: CheckRequest, folder: string) => Promise<string | undefined>,
): Check {
  const run: Check["run"] = async (request) => {
    const row = { check, tool, target: request.target };
    if ((await findTool(tool)) === null)
      return { ...row, state: "skipped", detail: `${tool} is not on this machine: finch doctor --install` };
    request.onProgress?.(`${request.target}: ${check} (${tool})`);
    try {
      const objection = await withTemporaryFolder(async (folder) => {
        for (const { name, text } of request.code.files) await writeFile(join(folder, name), text);
        return work(request, folder);
      });
      return objection === undefined
        ? { ...row, state: "passed", detail: "" }
        : { ...row, state: "failed", detail: objection };
    } catch (error) {
      if (error instanceof Unavailable) return { ...row, state: "skipped", detail: error.message };
      if (!(error instanceof ToolError)) throw error;
      return { ...row, state: "failed", detail: error.message };
    }
  };
  return { check, run };
}

const sources = ({ files }: VerifiableCode): string[] =>
  files.map(({ name }) => name).filter((name) => name.endsWith(".c"));

const warnings = (tool: "gcc" | "clang"): Check =>
  checkWith("warnings", tool, async ({ code }, folder) => {
    for (const standard of ["c99", "c11"])
      await runTool(tool, [`-std=${standard}`, "-O2", ...strict, "-fsyntax-only", ...sources(code)], { cwd: folder });
    return undefined;
  });

const header = checkWith("header", "g++", async ({ code }, folder) => {
  const includes = code.files.filter(({ name }) => name.endsWith(".h")).map(({ name }) => `#include "${name}"\n`);
  await writeFile(join(folder, "header.cpp"), `${[...includes, ...includes].join("")}int main() { return 0; }\n`);
  const flags = ["-std=c++11", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "header.cpp"];
  await runTool("g++", flags, { cwd: folder });
  return undefined;
});

/** libgcc's arithmetic for what a processor lacks, such as __mulsf3 and __divdi3. */
const arithmetic = /^__[a-z]+(?:sf|df|si|di|ti|hi|qi|sfsi|sisf|unssfsi|unsisf|sfdi|disf)\w*$/;
const allowed = new Set(["memcpy", "memset"]);

const symbols = (nm: "nm" | "riscv64-unknown-elf-nm"): Check =>
  checkWith("symbols", nm, async ({ code, target }, folder) => {
    const compiler = modelCompiler(target);
    const extra = target === "host" ? ["-fno-stack-protector", "-fno-pic"] : await libraryFlags(target);
    const machine = [...compiler.machine, ...extra];
    const objects: string[] = [];
    for (const source of sources(code)) {
      objects.push(source.replace(/\.c$/, ".o"));
      await runTool(compiler.tool, [...machine, ...releaseFlags, "-c", source, "-o", objects.at(-1)!], { cwd: folder });
    }
    const { stdout } = await runTool(nm, ["--undefined-only", "--format=posix", ...objects], { cwd: folder });
    const { stdout: defined } = await runTool(nm, ["--defined-only", "--extern-only", "--format=posix", ...objects], {
      cwd: folder,
    });
    const exported = new Set(namesIn(defined));
    const foreign = namesIn(stdout).filter(
      (name) => !exported.has(name) && !allowed.has(name) && !arithmetic.test(name),
    );
    if (foreign.length > 0) return `calls ${foreign.join(", ")}`;
    const stray = [...exported].filter((name) => !name.startsWith(`${code.prefix}_`));
    return stray.length > 0 ? `defines ${stray.join(", ")} without its prefix` : undefined;
  });

function namesIn(listing: string): string[] {
  return [...new Set(listing.split("\n").flatMap((line) => /^(\S+) [A-Za-z]\b/.exec(line)?.[1] ?? []))];
}

async function outputsOf(
  { code, target, images }: CheckRequest,
  folder: string,
  options: Omit<CompileOptions, "target">,
): Promise<Uint8Array> {
  const program = await compileProgram(sourceOf(code), folder, { target, ...options });
  const { outputs } = await runProgram(program, images);
  return Buffer.concat(outputs.map((values) => Buffer.from(values.buffer, values.byteOffset, values.byteLength)));
}

const sanitizers = (compiler: HostCompiler): Check =>
  checkWith("sanitizers", compiler, async (request, folder) => {
    if (!(await canSanitize(compiler)))
      throw new Unavailable(`${compiler} has no run-time library of its sanitizers: finch doctor --install`);
    await outputsOf(request, folder, { compiler, everywhere: sanitized });
    return undefined;
  });

const alignment = checkWith("alignment", "riscv64-unknown-elf-gcc", async (request, folder) => {
  const usual = await outputsOf(request, join(folder, "usual"), {});
  const aligned = await outputsOf(request, join(folder, "aligned"), { strictAlign: true });
  return Buffer.compare(usual, aligned) === 0 ? undefined : "other bits when compiled with -mstrict-align";
});

const clangAnalysis = checkWith("analysis", "clang", async ({ code }, folder) => {
  const flags = ["--analyze", "--analyzer-output", "text", "-std=c99", "-Xclang", "-analyzer-werror"];
  await runTool("clang", [...flags, ...sources(code)], { cwd: folder });
  return undefined;
});

const cppcheck = checkWith("analysis", "cppcheck", async ({ code }, folder) => {
  // It reads tables number by number, for minutes.
  for (const { name, text } of code.files)
    await writeFile(join(folder, name), text.replace(/(\[\d+\] = )\{[^{}"]*\};/g, "$1{0};"));
  const flags = ["--std=c99", "--enable=warning,portability,performance", "--error-exitcode=1", "--quiet"];
  await runTool(
    "cppcheck",
    [...flags, "--suppress=missingIncludeSystem", "--suppress=toomanyconfigs", "--max-configs=1", ...sources(code)],
    {
      cwd: folder,
    },
  );
  return undefined;
});

const hostChecks: readonly Check[] = [
  warnings("gcc"),
  warnings("clang"),
  header,
  symbols("nm"),
  sanitizers("gcc"),
  sanitizers("clang"),
  clangAnalysis,
  cppcheck,
];

const riscvChecks: readonly Check[] = [symbols("riscv64-unknown-elf-nm"), alignment];
