import { writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { FinchError } from "../../engine/errors.ts";
import type { Cells } from "../element.ts";
import { type CodegenNetwork, type CodegenOptions, generate, type GeneratedCode } from "../generate.ts";
import { type TargetName, targets } from "../target.ts";
import { libraryFlags, modelCompiler } from "./compiler.ts";
import { inParallel } from "./in-parallel.ts";
import { type MeasuredRun, profileInstructions } from "./profile.ts";
import { sourceOf } from "./driver/glue.ts";
import {
  type CodeSize,
  codeSize,
  compileProgram,
  releaseFlags,
  strictWarnings,
  withTemporaryFolder,
} from "./program.ts";
import { callGraphFlags, type StackBound, stackBound, stackInProgram } from "./stack.ts";
import { riscvTargetNames, riscvTargets, type RiscvTargetName, type VerifyTarget } from "./targets.ts";
import { type ExternalToolName, findTool, runTool } from "./tools.ts";

/** What a compiler said of the C under the strictest flags. */
interface CompilerCheck {
  readonly target: VerifyTarget;
  readonly compiler: string;
  readonly flags: readonly string[];
  readonly warnings: number;
}

interface SizeRow extends CodeSize {
  readonly target: VerifyTarget;
  readonly compiler: string;
  readonly level: string;
}

interface ProcessorRun extends Omit<MeasuredRun, "target"> {
  readonly target: RiscvTargetName;
  readonly compiler: string;
  readonly flags: readonly string[];
  /** Null where a frame is not known. */
  readonly stack: (StackBound & { readonly by: string; readonly library: readonly string[] }) | null;
}

/** All that could be measured here, and what could not, with the reason. */
export interface Measurements {
  readonly runs: readonly ProcessorRun[];
  readonly sizes: readonly SizeRow[];
  readonly checks: readonly CompilerCheck[];
  readonly skipped: readonly { readonly what: string; readonly why: string }[];
}

export interface MeasureRequest {
  readonly network: CodegenNetwork;
  readonly options: CodegenOptions;
  /** Processors to count instructions on; compilers are asked in any case. */
  readonly processors: readonly RiscvTargetName[];
  /** As the C takes them. */
  readonly images: readonly Cells[];
  readonly onProgress?: (message: string) => void;
}

const levels: readonly string[] = ["-Os", "-O2", "-O3"];

interface Compiler {
  readonly target: VerifyTarget;
  readonly tool: ExternalToolName;
  readonly machine: readonly string[];
}

const compilers: readonly Compiler[] = [
  { target: "host", tool: "gcc", machine: [] },
  { target: "host", tool: "clang", machine: [] },
  ...riscvTargetNames.map((target) => ({ target, ...modelCompiler(target) })),
];

/** Compiles and runs the C with everything that this machine has. Never throws for a missing tool: it is in `skipped`. */
export async function measure(request: MeasureRequest): Promise<Measurements> {
  const { network, options, processors, images, onProgress } = request;
  const isOneOf = (target: VerifyTarget): boolean => processors.some((processor) => processor === target);
  const code = generate(network, options);
  const skipped: { what: string; why: string }[] = [];
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof FinchError)) throw error;
      skipped.push({ what, why: error.message });
      return undefined;
    }
  };
  const sizes: SizeRow[] = [];
  const checks: CompilerCheck[] = [];
  const wanted = compilers.filter(({ target }) => target === "host" || target === options.target || isOneOf(target));
  const chosen = wanted.filter(({ target }) => lacksVectors(target, options.target) === null);
  for (const { target, tool } of wanted.filter((compiler) => !chosen.includes(compiler)))
    skipped.push({ what: `${tool} for ${target}: sizes, warnings`, why: lacksVectors(target, options.target)! });
  const jobs = chosen.flatMap((compiler) =>
    // Sizes are those of gcc; clang is asked for warnings.
    (compiler.tool === "clang" ? ["-O2"] : levels).map((level) => async () => {
      const row = await attempt(`${compiler.tool} for ${compiler.target}: size at ${level}, warnings`, () =>
        compile(code, compiler, level),
      );
      if (row === undefined) return;
      if (compiler.tool !== "clang") sizes.push(row.size);
      if (level === "-O2") checks.push(row.check);
    }),
  );
  onProgress?.(
    `compiling for sizes and warnings: ${chosen.map(({ target, tool }) => `${target} by ${tool}`).join(", ")}`,
  );
  await inParallel(jobs, availableParallelism(), (job) => job());

  const runs: ProcessorRun[] = [];
  for (const target of processors) {
    onProgress?.(`${target}: counting instructions under QEMU`);
    const run = await attempt(`${target}: instructions and stack`, async (): Promise<ProcessorRun> => {
      const compiler = compilers.find((compiler) => compiler.target === target)!;
      const measured = await profileInstructions(network, { options, processor: target, images });
      const stack = await attempt(`${target}: static bound of the stack`, () => stackOf(code, compiler));
      return {
        ...measured,
        target,
        compiler: await versionOf(compiler.tool),
        flags: [...releaseFlags, ...compiler.machine],
        stack: stack ?? null,
      };
    });
    if (run !== undefined) runs.push(run);
  }
  const order = (a: { target: string; level?: string }, b: { target: string; level?: string }): number =>
    place(a.target) - place(b.target) || levels.indexOf(a.level ?? "") - levels.indexOf(b.level ?? "");
  return {
    runs,
    sizes: sizes.sort(order),
    checks: checks.sort((a, b) => order(a, b) || (a.compiler < b.compiler ? 1 : -1)),
    skipped: skipped.sort((a, b) => (a.what < b.what ? -1 : 1)),
  };
}

function place(target: string): number {
  return compilers.findIndex((compiler) => compiler.target === target);
}

/** First line of `--version`. */
async function versionOf(tool: ExternalToolName): Promise<string> {
  return (await runTool(tool, ["--version"])).stdout.split("\n")[0]!.trim();
}

/** Writes the C into a folder of its own. */
async function withSources<T>(code: GeneratedCode, work: (folder: string) => Promise<T>): Promise<T> {
  return withTemporaryFolder(async (folder) => {
    for (const { name, text } of code.files) await writeFile(join(folder, name), text);
    return work(folder);
  });
}

/** The network's object alone: the self-test is a file that is linked only where it is called. */
async function compile(
  code: GeneratedCode,
  { target, tool, machine }: Compiler,
  level: string,
): Promise<{ readonly size: SizeRow; readonly check: CompilerCheck }> {
  const compiler = await versionOf(tool);
  const flags = ["-std=c99", ...strictWarnings, level, "-ffp-contract=fast", ...machine];
  const library = await libraryFlags(target);
  return withSources(code, async (folder) => {
    const object = `${code.prefix}.o`;
    const { stderr } = await runTool(tool, [...library, ...flags, "-c", `${code.prefix}.c`, "-o", object], {
      cwd: folder,
    });
    const warnings = (stderr.match(/\bwarning: /g) ?? []).length;
    return {
      size: { target, compiler, level, ...(await codeSize([object], folder, target === "host")) },
      check: { target, compiler, flags, warnings },
    };
  });
}

/** By gcc's own list of frames and calls; of clang's C, which is linked with a driver for that, by its instructions. */
async function stackOf(
  code: GeneratedCode,
  { target, tool, machine }: Compiler,
): Promise<NonNullable<ProcessorRun["stack"]>> {
  const entry = `${code.prefix}_run`;
  if (tool === "clang-19")
    return withTemporaryFolder(async (folder) => {
      const bound = await stackInProgram(await compileProgram(sourceOf(code), folder, { target }), entry);
      const by = `instructions of the program, vector registers of ${targets[target].vectorBits} bits`;
      const library = [...bound.functions].filter((name) => !name.startsWith(`${code.prefix}_`));
      return { ...bound, by, library };
    });
  const library = await libraryFlags(target);
  return withSources(code, async (folder) => {
    const name = code.prefix;
    const flags = [...library, ...machine, ...releaseFlags, ...callGraphFlags];
    await runTool(tool, [...flags, "-c", `${name}.c`, "-o", `${name}.o`], { cwd: folder });
    const bound = await stackBound(folder, [name], entry);
    return { ...bound, by: "gcc -fcallgraph-info=su", library: bound.outside };
  });
}

/** Why C that is tuned for one target cannot be compiled for another; null where it can. */
function lacksVectors(target: VerifyTarget, tuned: TargetName): string | null {
  return targets[tuned].vectorBits === 0 || targets[target].vectorBits > 0
    ? null
    : `the C for ${tuned} is written in vector intrinsics, which ${target} lacks`;
}

/** Whether instructions of a processor can be counted here, for C that is tuned for a target; the reason when not. */
export async function cannotRun(target: RiscvTargetName, tuned: TargetName): Promise<string | null> {
  const lacking = lacksVectors(target, tuned);
  if (lacking !== null) return lacking;
  for (const tool of [modelCompiler(target).tool, "riscv64-unknown-elf-gcc", riscvTargets[target].emulator] as const)
    if ((await findTool(tool)) === null) return `${tool} is not on this machine: finch doctor --install`;
  return null;
}
