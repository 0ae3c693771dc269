import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { cellsOf, elements, type Cells } from "../../codegen/element.ts";
import type { GeneratedCode } from "../../codegen/index.ts";
import { libraryFlags, modelCompiler } from "../../codegen/verify/compiler.ts";
import { vectorStart } from "../../codegen/verify/driver/vector-start.ts";
import { processorWith, riscvTargets } from "../../codegen/verify/targets.ts";

const execute = promisify(execFile);

const flash =
  "-Wl,--defsym=__flash=0x80000000,--defsym=__flash_size=4M,--defsym=__ram=0x80400000,--defsym=__ram_size=4M,--defsym=__stack_size=16K";

const library = ["--specs=picolibc.specs", "--oslib=semihost", "--crt0=hosted", flash, "-Tpicolibc.ld"];

const riscv = {
  rv32imafc: { flags: ["-march=rv32imafc", "-mabi=ilp32f"], emulator: ["qemu-system-riscv32", "-cpu", "sifive-e34"] },
  rv32imc: { flags: ["-march=rv32imc", "-mabi=ilp32"], emulator: ["qemu-system-riscv32", "-cpu", "lowrisc-ibex"] },
  rv64gc: {
    flags: ["-march=rv64gc", "-mabi=lp64d", "-mcmodel=medany"],
    emulator: ["qemu-system-riscv64", "-cpu", "rv64"],
  },
} as const;

export type RiscvTarget = keyof typeof riscv;
export type VectorTarget = "rv64gcv" | "rv32imafc_zve32f";

/** All that a careful C project asks of its sources. */
export const strict = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-ffp-contract=fast"];

/** A program that runs networks one after the other on images in a file, and writes their outputs to another. */
function mainText(codes: readonly GeneratedCode[]): string {
  const calls = codes.map(({ prefix, inputElement, outputElement }) => {
    const upper = prefix.toUpperCase();
    return `  {
    static ${prefix}_context context;
    memset(&context, 0xff, sizeof context);
    static ${elements[inputElement].type} input[${upper}_INPUT_SIZE];
    static ${elements[outputElement].type} output[${upper}_OUTPUT_SIZE];
    if (fread(input, sizeof input, 1, in) != 1) return 2;
    if (${prefix}_run(&context, input, output) != ${upper}_OK) return 3;
    if (${prefix}_run(0, input, output) != ${upper}_NULL_POINTER) return 4;
    if (fwrite(output, sizeof output, 1, out) != 1) return 5;
  }`;
  });
  return `#include <stdio.h>
#include <string.h>
${codes.map(({ prefix }) => `#include "${prefix}.h"`).join("\n")}
int main(void) {
  FILE *in = fopen("input.bin", "rb");
  FILE *out = fopen("output.bin", "wb");
  if (!in || !out) return 1;
${calls.join("\n")}
  return fclose(in) | fclose(out);
}
`;
}

/** A folder with the sources of some networks and a program around them; gone after `use`. */
export class CProgram implements AsyncDisposable {
  readonly folder: string;
  readonly sources: readonly string[];
  readonly #codes: readonly GeneratedCode[];
  #compiled = "";

  private constructor(folder: string, codes: readonly GeneratedCode[], sources: readonly string[]) {
    this.folder = folder;
    this.#codes = codes;
    this.sources = sources;
  }

  /** @param together all sources are compiled as one, which is quicker for many small ones */
  static async write(codes: readonly GeneratedCode[], { together = false } = {}): Promise<CProgram> {
    const folder = await mkdtemp(join(tmpdir(), "finch-c-"));
    for (const { files } of codes) for (const { name, text } of files) await writeFile(join(folder, name), text);
    await writeFile(join(folder, "main.c"), mainText(codes));
    const sources = codes.flatMap(({ files }) => files.map(({ name }) => name).filter((name) => name.endsWith(".c")));
    if (!together) return new CProgram(folder, codes, sources);
    await writeFile(join(folder, "all.c"), sources.map((name) => `#include "${name}"\n`).join(""));
    return new CProgram(folder, codes, ["all.c"]);
  }

  /** Runs a command in the folder; its output. Rejects with its messages when it fails. */
  async command(program: string, parameters: readonly string[]): Promise<string> {
    const { stdout } = await execute(program, parameters, { cwd: this.folder, timeout: 280_000 });
    return stdout;
  }

  async runOnHost<T extends Cells = Float32Array>(
    compiler: string,
    flags: readonly string[],
    images: readonly Cells[],
  ): Promise<T[]> {
    await this.#compile(compiler, [...flags, "main.c", ...this.sources, "-o", "program"]);
    return this.#run(images, [join(this.folder, "program")]);
  }

  async runOnRiscv<T extends Cells = Float32Array>(target: RiscvTarget, images: readonly Cells[]): Promise<T[]> {
    const { flags, emulator } = riscv[target];
    const optimized = ["-O2", ...strict, ...flags, ...library];
    await this.#compile("riscv64-unknown-elf-gcc", [...optimized, "main.c", ...this.sources, "-o", "program.elf"]);
    return this.#emulate(images, emulator);
  }

  /** Compiles a program whose run is given the length in bits of the processor's vector registers. */
  async compileWithVectors<T extends Cells = Float32Array>(
    target: VectorTarget,
  ): Promise<(images: readonly Cells[], vectorBits: number) => Promise<T[]>> {
    const { flags, emulator } = riscvTargets[target];
    const { tool, machine } = modelCompiler(target);
    const headers = await libraryFlags(target);
    const objects = this.sources.map((name) => name.replace(/\.c$/, ".o"));
    for (const [index, name] of this.sources.entries())
      await this.command(tool, ["-O2", ...strict, ...machine, ...headers, "-c", name, "-o", objects[index]!]);
    await writeFile(join(this.folder, "start.c"), vectorStart);
    const link = ["-O2", ...flags, ...library, "main.c", "start.c", ...objects, "-o", "program.elf"];
    await this.command("riscv64-unknown-elf-gcc", link);
    return (images, vectorBits) => this.#emulate(images, [emulator, "-cpu", processorWith(target, vectorBits)]);
  }

  async #emulate<T extends Cells>(images: readonly Cells[], emulator: readonly string[]): Promise<T[]> {
    const machine = ["-M", "virt", "-bios", "none", "-nographic", "-semihosting-config", "enable=on,target=native"];
    return this.#run(images, ["timeout", "60", ...emulator, ...machine, "-kernel", "program.elf"]);
  }

  /** Further images of the same program find it compiled. */
  async #compile(compiler: string, parameters: readonly string[]): Promise<void> {
    const command = [compiler, ...parameters].join(" ");
    if (command === this.#compiled) return;
    await this.command(compiler, parameters);
    this.#compiled = command;
  }

  async #run<T extends Cells>(images: readonly Cells[], [program, ...parameters]: readonly string[]): Promise<T[]> {
    await writeFile(join(this.folder, "input.bin"), Buffer.concat(images.map((image) => Buffer.from(image.buffer))));
    await this.command(program!, parameters);
    const bytes = await readFile(join(this.folder, "output.bin"));
    let at = 0;
    return this.#codes.map(({ outputSize, outputElement }) => {
      const size = outputSize * elements[outputElement].bytes;
      const cells = bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + at + size);
      at += size;
      return cellsOf(outputElement, cells) as T;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** The largest difference, as a share of the tolerance 1e-5 · max(1, largest / 10). */
export function shareOfTolerance(actual: Float32Array, wanted: Float32Array): number {
  if (actual.length !== wanted.length) return Infinity;
  const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const worst = wanted.reduce((most, value, i) => {
    const error = Math.abs(value - actual[i]!);
    return Number.isNaN(error) ? Infinity : Math.max(most, error);
  }, 0);
  return worst / (1e-5 * Math.max(1, largest / 10));
}
