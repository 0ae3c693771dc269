import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { Precision } from "../../../codegen/arithmetic.ts";
import { generate, type CodegenNetwork } from "../../../codegen/index.ts";
import type { PackageFile } from "../../../codegen/package/facts.ts";
import { packageFiles } from "../../../codegen/package/package.ts";
import { licenseText } from "../../../codegen/package/license.ts";
import type { InferenceGraph } from "../../../engine/plan/inference.ts";
import { lowered, trained } from "../graphs.ts";
import { answersOfEngine, answersOfIntegers } from "../selftest-answers.ts";

const execute = promisify(execFile);

export const terms = {
  version: "1.2.3",
  author: "Ada Example <ada@example.com>",
  url: "https://example.com/net",
  license: "MIT",
  licenseText: licenseText("MIT", "Ada Example"),
};

const normalization = { mean: [0.5, 0.4, 0.25], deviation: [0.25, 0.5, 1] };

function smallGraph(outputs: number): InferenceGraph {
  return lowered([1, 12, 10, 3], (x) => {
    const y = x
      .conv2d(trained(3, 3, 3, 8), { padding: "same", stride: 2 })
      .bias(trained(8))
      .gelu();
    return y.globalAveragePool().matmul(trained(8, outputs)).softmax();
  });
}

const seeds = [1, 2, 3];

/** A network with its self-test. */
export async function smallNetwork(name: string, outputs: number, precision: Precision): Promise<CodegenNetwork> {
  const graph = smallGraph(outputs);
  const classes = Array.from({ length: outputs }, (_, index) => `kind "${index}"`);
  const answers =
    precision === "int8"
      ? await answersOfIntegers(graph, seeds, normalization)
      : { selftest: await answersOfEngine(graph, seeds, normalization) };
  return { graph, name, classes, normalization, ...answers };
}

/** The same as a package, in memory. */
export async function smallPackage(
  name: string,
  outputs = 4,
  precision: Precision = "float32",
): Promise<readonly PackageFile[]> {
  const network = await smallNetwork(name, outputs, precision);
  return packageFiles({ network, code: generate(network, { target: "host", precision }), terms });
}

/** A temporary folder with packages and whatever a test adds; gone after use. */
export class Bench implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(packages: Readonly<Record<string, readonly PackageFile[]>>): Promise<Bench> {
    const bench = new Bench(await mkdtemp(join(tmpdir(), "finch-package-")));
    for (const [name, files] of Object.entries(packages))
      for (const { path, content } of files) await bench.write(join(name, path), content);
    return bench;
  }

  async write(path: string, content: string | Uint8Array): Promise<void> {
    const file = join(this.folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }

  /** Paths of all files below a folder of this one that end so. */
  async list(path: string, ending: string): Promise<string[]> {
    const names = await readdir(join(this.folder, path), { recursive: true });
    return names
      .filter((name) => name.endsWith(ending))
      .sort()
      .map((name) => join(path, name));
  }

  /** Runs a command here; what it said. Rejects with that when it fails. */
  async run(command: string, ...words: string[]): Promise<string> {
    const { stdout, stderr } = await execute(command, words, { cwd: this.folder, timeout: 110_000 });
    return stdout + stderr;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Flags of the bare-metal programs under QEMU. */
export const board = {
  machine: ["-march=rv32imafc", "-mabi=ilp32f", "--specs=picolibc.specs", "--oslib=semihost", "--crt0=hosted"],
  link: [
    "-Wl,--defsym=__flash=0x80000000",
    "-Wl,--defsym=__flash_size=4M",
    "-Wl,--defsym=__ram=0x80400000",
    "-Wl,--defsym=__ram_size=4M",
    "-Wl,--defsym=__stack_size=16K",
    "-Tpicolibc.ld",
  ],
  emulator: [
    ...["60", "qemu-system-riscv32", "-M", "virt", "-cpu", "sifive-e34", "-bios", "none", "-nographic"],
    ...["-semihosting-config", "enable=on,target=native", "-kernel"],
  ],
} as const;
