import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { MismatchError, ToolError } from "../../engine/errors.ts";
import { cellsOf, elements, type Cells, type ElementName } from "../element.ts";
import { libraryFlags, modelCompiler } from "./compiler.ts";
import { driverSource } from "./driver/driver.ts";
import { vectorStart } from "./driver/vector-start.ts";
import { findOnPath, runCommand } from "./process.ts";
import {
  boardLinkFlags,
  boardMemory,
  picolibcFlags,
  processorWith,
  riscvTargets,
  type VerifyTarget,
} from "./targets.ts";
import { type ExternalToolName, lastLines, requireTool, runTool } from "./tools.ts";

/** Compilers of host programs. */
export type HostCompiler = "gcc" | "clang";

/** A model in C, ready to be put under the driver. */
export interface ModelSource {
  /** Headers and C files. The C files are what is measured as the model's code. */
  readonly files: readonly { readonly name: string; readonly text: string }[];
  /** Compiled objects that belong to the model. */
  readonly objects?: readonly string[];
  /** `model_glue.h`: see driver/driver.ts. */
  readonly glue: string;
  /** Numbers of cells. */
  readonly inputLength: number;
  readonly outputLength: number;
  /** What outputs are. Default float32. */
  readonly outputElement?: ElementName;
}

export interface CompileOptions {
  readonly target: VerifyTarget;
  /** For target "host". Default gcc. */
  readonly compiler?: HostCompiler;
  /** Flags for the model's C files. Default `releaseFlags`. */
  readonly flags?: readonly string[];
  /** Compile for a processor that traps on misaligned access (RISC-V only). */
  readonly strictAlign?: boolean;
  /** More flags for all that is compiled, the driver too, and for the linker. */
  readonly everywhere?: readonly string[];
}

/** How a model is compiled unless told otherwise. In C99 mode gcc fuses no multiply-add on its own. */
export const releaseFlags: readonly string[] = ["-std=c99", "-O2", "-ffp-contract=fast"];
/** Warnings that generated C has none of. */
export const strictWarnings: readonly string[] = ["-pedantic", "-Wall", "-Wextra", "-Wconversion"];

/** Bytes of the model's own objects, by kind of section. */
export interface CodeSize {
  readonly textBytes: number;
  readonly rodataBytes: number;
  readonly dataBytes: number;
  readonly bssBytes: number;
}

export interface Program {
  readonly target: VerifyTarget;
  readonly executable: string;
  readonly size: CodeSize;
  readonly inputLength: number;
  readonly outputLength: number;
  readonly outputElement: ElementName;
}

export interface ProgramRun {
  /** One per image. */
  readonly outputs: readonly Cells[];
  /** Executed instructions of the costliest inference; null on this machine. */
  readonly instructions: number | null;
  /** The same of each image. */
  readonly instructionsOfEach: readonly number[] | null;
  /** Deepest stack of an inference, bytes, from the caller's frame downwards. */
  readonly stackBytes: number;
  /** RAM of the model besides input, output and stack. */
  readonly modelRamBytes: number;
  /** What the glue of observed C wrote of each layer; null for other C. */
  readonly layers: Uint8Array | null;
}

/** A compiler with the flags of its machine. */
type Compilation = readonly [tool: ExternalToolName, ...machine: readonly string[]];

const gcc = "riscv64-unknown-elf-gcc";

/** A folder of its own for `work`, removed afterwards. */
export async function withTemporaryFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "finch-verify-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Compiles a model with the driver into `folder`.
 *
 * @throws ToolError when a compiler is missing (naming the Debian package) or rejects the C.
 */
export async function compileProgram(source: ModelSource, folder: string, options: CompileOptions): Promise<Program> {
  const { target, flags = releaseFlags, everywhere = [] } = options;
  await mkdir(folder, { recursive: true });
  for (const { name, text } of source.files) await writeFile(join(folder, name), text);
  await writeFile(join(folder, "model_glue.h"), source.glue);
  await writeFile(join(folder, "driver.c"), driverSource);

  const host = target === "host";
  const model = modelCompiler(target, options.compiler);
  const forModel = [model.tool, ...model.machine, ...(await libraryFlags(target))] as const;
  // What is around the model needs no vectors, and gcc knows how to link with its C library.
  const around = host ? forModel : ([gcc, ...riscvTargets[target].flags, ...picolibcFlags] as const);
  const sections = ["-ffunction-sections", "-fdata-sections"];
  const alignment = options.strictAlign && !host ? ["-mstrict-align"] : [];
  const compile = async (name: string, [tool, ...machine]: Compilation, cFlags: readonly string[]) => {
    const object = name.replace(/\.c$/, ".o");
    await runTool(tool, [...machine, ...sections, ...cFlags, ...everywhere, "-c", name, "-o", object], {
      cwd: folder,
    });
    return object;
  };
  const objects = [...(source.objects ?? [])];
  for (const { name } of source.files) {
    if (name.endsWith(".c")) objects.push(await compile(name, forModel, [...flags, ...alignment]));
  }
  const driver = [await compile("driver.c", around, ["-std=gnu99", "-O2"])];
  if (!host && riscvTargets[target].vectorFlags !== undefined) {
    await writeFile(join(folder, "vector_start.c"), vectorStart);
    driver.push(await compile("vector_start.c", around, ["-std=gnu99"]));
  }
  // Symbols are bound at start: binding one at its first call would use the stack that is measured.
  const linkFlags = [...(host ? ["-Wl,-z,now"] : boardLinkFlags), ...everywhere];
  const executable = join(folder, "model.elf");
  const [linker, ...machine] = around;
  await runTool(linker, [...machine, ...linkFlags, ...driver, ...objects, "-lm", "-o", executable], { cwd: folder });
  return {
    target,
    executable,
    size: await codeSize(objects, folder, host),
    inputLength: source.inputLength,
    outputLength: source.outputLength,
    outputElement: source.outputElement ?? "float32",
  };
}

/** The instructions of a RISC-V program, as objdump lists them. */
export async function disassemble({ executable }: Program): Promise<string> {
  return (await runTool("riscv64-unknown-elf-objdump", ["-d", "--no-show-raw-insn", executable])).stdout;
}

/** Bytes of objects in `folder`, by kind of section. */
export async function codeSize(objects: readonly string[], folder: string, host: boolean): Promise<CodeSize> {
  const { stdout } = await runTool(host ? "size" : "riscv64-unknown-elf-size", ["-A", "-d", ...objects], {
    cwd: folder,
  });
  const sum = (pattern: RegExp) =>
    stdout
      .split("\n")
      .map((line) => /^(\.\S+)\s+(\d+)\s+\d+\s*$/.exec(line))
      .filter((match) => match !== null && pattern.test(match[1] ?? ""))
      .reduce((bytes, match) => bytes + Number(match?.[2]), 0);
  return {
    textBytes: sum(/^\.text/),
    rodataBytes: sum(/^\.s?rodata|^\.data\.rel\.ro/),
    dataBytes: sum(/^\.s?data(?!\.rel\.ro)/),
    bssBytes: sum(/^\.s?bss/),
  };
}

export interface RunOptions {
  readonly timeoutSeconds?: number;
  /** Length of the processor's vector registers. Default: that of the target. */
  readonly vectorBits?: number;
  /** More flags for QEMU. */
  readonly emulatorFlags?: readonly string[];
}

const imageLine = z.object({ status: z.number(), stack: z.number(), high: z.number(), low: z.number() });
const lastLine = z.object({ ram: z.number() });

/**
 * Runs every image through a program, on this machine or under QEMU, always within a time limit.
 *
 * @throws ToolError when the emulator is missing or the program crashes, hangs or reports an error.
 */
export async function runProgram(
  program: Program,
  images: readonly Cells[],
  { timeoutSeconds = 600, vectorBits, emulatorFlags = [] }: RunOptions = {},
): Promise<ProgramRun> {
  const { target, inputLength, outputLength, outputElement } = program;
  for (const [index, image] of images.entries()) {
    if (image.length !== inputLength) {
      throw new MismatchError(`image ${index} has ${image.length} values, the generated C takes ${inputLength}`);
    }
  }
  return withTemporaryFolder(async (folder) => {
    const input = Buffer.concat(images.map((image) => Buffer.from(image.buffer, image.byteOffset, image.byteLength)));
    await writeFile(join(folder, "input.bin"), input);
    const [command, ...parameters] = await startCommand(program, timeoutSeconds, vectorBits);
    if (program.target !== "host") parameters.push(...emulatorFlags);
    const result = await runCommand(command, parameters, { cwd: folder, timeoutSeconds });
    const what = `generated C on ${target}`;
    if (result.timedOut) {
      throw new ToolError(
        `${what} did not end within ${timeoutSeconds} seconds; an instruction that the processor lacks hangs like this`,
      );
    }
    if (result.signal !== null) throw new ToolError(`${what} was ended by ${result.signal}`);
    if (result.code !== 0) {
      const said = lastLines(`${result.stdout}\n${result.stderr}`.trim(), 4);
      throw new ToolError(`${what} ended with status ${result.code}${said === "" ? "" : `: ${said}`}`);
    }
    const lines = (await readFile(join(folder, "report.txt"), "utf8")).trimEnd().split("\n");
    const rows = lines.slice(0, -1).map((line) => imageLine.parse(JSON.parse(line)));
    const { ram } = lastLine.parse(JSON.parse(lines.at(-1) ?? "{}"));
    const bytes = await readFile(join(folder, "output.bin"));
    const outputBytes = outputLength * elements[outputElement].bytes;
    if (rows.length !== images.length || bytes.length !== images.length * outputBytes) {
      throw new ToolError(`${what} gave ${rows.length} outputs for ${images.length} images`);
    }
    const layers = existsSync(join(folder, "layers.bin")) ? await readFile(join(folder, "layers.bin")) : null;
    const counts = target === "host" ? null : rows.map(({ high, low }) => high * 2 ** 32 + low);
    const values = cellsOf(outputElement, bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    return {
      outputs: images.map((_, index) => values.slice(index * outputLength, (index + 1) * outputLength)),
      instructions: counts === null ? null : Math.max(...counts),
      instructionsOfEach: counts,
      stackBytes: Math.max(...rows.map(({ stack }) => stack)),
      modelRamBytes: ram,
      layers,
    };
  });
}

/** The command of a program, arranged to end with this process even when that is killed: a hung emulator never ends. */
async function startCommand(
  program: Program,
  seconds: number,
  vectorBits: number | undefined,
): Promise<[string, ...string[]]> {
  const [first = "", ...rest] = await emulatorCommand(program, vectorBits);
  const setpriv = await findOnPath("setpriv");
  if (setpriv !== null) return [setpriv, "--pdeathsig", "KILL", first, ...rest];
  const timeout = await findOnPath("timeout");
  return timeout === null ? [first, ...rest] : [timeout, "-s", "KILL", String(Math.ceil(seconds) + 10), first, ...rest];
}

async function emulatorCommand({ target, executable }: Program, vectorBits: number | undefined): Promise<string[]> {
  if (target === "host") return [executable];
  const { emulator } = riscvTargets[target];
  const processor = processorWith(target, vectorBits);
  return [
    await requireTool(emulator),
    ...["-M", "virt", "-cpu", processor, "-m", String(boardMemory.megabytes), "-bios", "none", "-kernel", executable],
    ...["-nographic", "-semihosting-config", "enable=on,target=native", "-icount", "shift=0"],
  ];
}

/** Version line of the emulator of a target, or null on this machine. */
export async function emulatorVersion(target: VerifyTarget): Promise<string | null> {
  if (target === "host") return null;
  const { stdout } = await runTool(riscvTargets[target].emulator, ["--version"]);
  return stdout.split("\n")[0] ?? null;
}

/** Hash of byte arrays and texts, each kept apart from the next. */
export function contentHash(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) {
    hash.update(`${part.length}:`);
    hash.update(part);
  }
  return hash.digest("hex").slice(0, 32);
}
