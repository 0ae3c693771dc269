import { access, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { FinchError, ToolError } from "../../engine/errors.ts";
import { distribution, installPackages, packageRights } from "./debian.ts";
import { packageFolder, pythonEnvironment } from "./folders.ts";
import { withFileLock } from "./lock.ts";
import { findOnPath, runCommand } from "./process.ts";
import { environmentIsReady, findPython, installEnvironment, isRecentEnough, tvmVersion } from "./python.ts";
import { canSanitize } from "./sanitizers.ts";
import { type ExternalToolName, externalTools, findTool, lastLines } from "./tools.ts";

const toolStateSchema = z.object({
  name: z.string(),
  /** What Finch uses it for. */
  purpose: z.string(),
  /** "unsuitable": there, but too old or incomplete; `note` says why. */
  state: z.enum(["found", "missing", "unsuitable"]),
  version: z.string().nullable(),
  path: z.string().nullable(),
  /** Something worth knowing about what was found. */
  note: z.string().nullable(),
  /** How to get it, as a command or one sentence. */
  install: z.string(),
});

/** What `finch doctor --json` prints. */
export const doctorReportSchema = z.object({
  tools: z.array(toolStateSchema),
  /** Whether every tool was found and suits. */
  complete: z.boolean(),
  /** One sentence on what is missing and what would mend it; null when complete. */
  problem: z.string().nullable(),
  /** What this call installed: Debian packages and "tvm-venv". */
  installed: z.array(z.string()),
  /** Seconds that probing and installing took. */
  seconds: z.number(),
});

export type ToolState = z.infer<typeof toolStateSchema>;
export type DoctorReport = z.infer<typeof doctorReportSchema>;

interface Variant {
  readonly variant: string;
  readonly note?: string;
}

export interface DoctorOptions {
  /** Install what is missing, as far as rights and network allow. Doing it again does nothing. */
  readonly install?: boolean;
  /** Names the SIMD variant that the wasm kernels would choose here, with a remark; the row is left out without it. */
  readonly simdVariant?: () => Promise<Variant>;
  /** Names the GPU that training would use here, with a remark on what it gains; left out like the other. */
  readonly gpu?: () => Promise<Variant>;
  readonly onProgress?: (message: string) => void;
}

/** A probe, and the Debian packages (or alternatives of one) that bring what it looks for. */
interface Probe {
  readonly packages: readonly (string | readonly string[])[];
  readonly look: () => Promise<ToolState>;
}

/**
 * Looks for every tool that Finch can use: compilers, emulators, reference implementations. Nothing here is needed to
 * train, search or generate. With `install`, gets what is missing: Debian packages through apt-get when root or sudo
 * without a password is at hand, TVM into a local Python environment. Never throws for a missing tool: the report says it.
 */
export async function doctor(options: DoctorOptions = {}): Promise<DoctorReport> {
  const begin = performance.now();
  const onProgress = options.onProgress ?? (() => undefined);
  let states = await lookAt(options);
  const installed: string[] = [];
  const failures: string[] = [];
  if (options.install && states.some(({ state }) => state.state !== "found")) {
    await attempt(failures, async () => {
      if (wantedPackages(states).length > 0) installed.push(...(await installDebianPackages(options, onProgress)));
    });
    await attempt(failures, async () => {
      if (await installPlaywrightChromium(onProgress)) installed.push("chromium");
    });
    await attempt(failures, async () => {
      const python = await findPython();
      if (python === null || !isRecentEnough(python) || !python.canMakeEnvironments) return;
      if (await installEnvironment(python, onProgress)) installed.push("tvm-venv");
    });
    states = await lookAt(options);
  }
  const tools = states.map(({ state }) => state);
  const wanting = tools.filter((tool) => tool.state !== "found");
  return {
    tools,
    complete: wanting.length === 0,
    problem: wanting.length === 0 ? null : problemSentence(wanting, states, failures, options.install === true),
    installed,
    seconds: Math.round((performance.now() - begin) / 100) / 10,
  };
}

interface Looked {
  readonly probe: Probe;
  readonly state: ToolState;
}

async function lookAt(options: DoctorOptions): Promise<Looked[]> {
  const ubuntu = (await distribution()) === "ubuntu";
  const clang = await findTool("clang");
  const clangMajor = clang === null ? null : await versionOf(clang, /version (\d+)/);
  return Promise.all(probes(options, ubuntu, clangMajor).map(async (probe) => ({ probe, state: await probe.look() })));
}

async function attempt(failures: string[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof FinchError)) throw error;
    failures.push(error.message);
  }
}

/** One process at a time, which looks again when its turn comes: another may have installed everything meanwhile. */
async function installDebianPackages(options: DoctorOptions, onProgress: (message: string) => void): Promise<string[]> {
  const rights = await packageRights();
  if (!rights.able) return [];
  const user = process.getuid?.() ?? 0;
  return withFileLock(
    join(tmpdir(), `finch-packages-${user}.lock`),
    async () => {
      const packages = wantedPackages(await lookAt(options));
      return packages.length > 0 ? installPackages(rights, packages, onProgress) : [];
    },
    { onWait: () => onProgress("waiting for another installation to end") },
  );
}

/** Ubuntu has no Chromium package that works in a container, so Playwright's build is taken there. */
async function installPlaywrightChromium(onProgress: (message: string) => void): Promise<boolean> {
  if ((await distribution()) !== "ubuntu" || (await findChromium()) !== null) return false;
  const command = fileURLToPath(import.meta.resolve("playwright-core/cli.js"));
  const withDependencies = process.getuid?.() === 0 ? ["--with-deps"] : [];
  onProgress("playwright: installing Chromium");
  const result = await runCommand(process.execPath, [command, "install", ...withDependencies, "chromium"], {
    timeoutSeconds: 1800,
  });
  if (result.code !== 0) throw new ToolError(`playwright-core install chromium failed: ${lastLines(result.stderr, 5)}`);
  return true;
}

function wantedPackages(states: readonly Looked[]): (string | readonly string[])[] {
  const wanted = new Map<string, string | readonly string[]>();
  for (const { probe, state } of states) {
    if (state.state === "found") continue;
    for (const entry of probe.packages) wanted.set(String(entry), entry);
  }
  return [...wanted.values()];
}

function problemSentence(
  wanting: readonly ToolState[],
  states: readonly Looked[],
  failures: readonly string[],
  tried: boolean,
): string {
  const names = wanting.map(({ name, state }) => (state === "missing" ? name : `${name} (${state})`)).join(", ");
  if (failures.length > 0) return `Missing: ${names}; installing failed: ${failures.join("; ")}`;
  if (!tried) return `Missing: ${names}; \`finch doctor --install\` gets them.`;
  const packages = wantedPackages(states).map((entry) => (typeof entry === "string" ? entry : (entry.at(-1) ?? "")));
  return packages.length > 0
    ? `Missing: ${names}; as root run \`apt-get install --no-install-recommends ${packages.join(" ")}\`, then \`finch doctor --install\` again.`
    : `Missing: ${names}; ${wanting.map(({ install }) => install).join("; ")}.`;
}

function probes(options: DoctorOptions, ubuntu: boolean, clangMajor: string | null): Probe[] {
  const clangRuntime = [...(clangMajor === null ? [] : [`libclang-rt-${clangMajor}-dev`]), "libclang-rt-dev"];
  const { simdVariant, gpu } = options;
  return [
    { packages: [], look: lookAtNode },
    ...(simdVariant ? [{ packages: [], look: () => lookAtSimd(simdVariant) }] : []),
    ...(gpu ? [{ packages: [], look: () => lookAtGpu(gpu) }] : []),
    compiler("gcc", "compiles generated C for this machine", ["gcc", "libc6-dev"]),
    compiler("clang", "compiles generated C for this machine a second time", ["clang", "libc6-dev"]),
    { packages: [clangRuntime], look: () => lookAtSanitizers(clangRuntime[0]!) },
    compiler("riscv64-unknown-elf-gcc", "compiles generated C for RISC-V", ["gcc-riscv64-unknown-elf"]),
    compiler("clang-19", "compiles generated C for RISC-V with vectors", ["clang-19"]),
    compiler("cmake", "builds packages of generated C, in tests alone", ["cmake", "make", "g++"]),
    { packages: ["picolibc-riscv64-unknown-elf"], look: lookAtPicolibc },
    emulator(
      "qemu-system-riscv32",
      "runs programs for rv32imc, rv32imafc and its vectors, and counts their instructions",
    ),
    emulator("qemu-system-riscv64", "runs programs for rv64gc and rv64gcv, and counts their instructions"),
    { packages: ["python3", "python3-venv"], look: lookAtPython },
    { packages: [], look: lookAtTvm },
    { packages: [], look: lookAtOnnxruntime },
    { packages: ubuntu ? [] : ["chromium"], look: () => lookAtChromium(ubuntu) },
  ];
}

const nodeMajorOfWideKernels = 24;

async function lookAtNode(): Promise<ToolState> {
  const major = Number(process.versions.node.split(".")[0]);
  const v8 = process.versions.v8.split(".").slice(0, 2).join(".");
  const pinned = await pinnedNode();
  const kernels =
    major >= nodeMajorOfWideKernels
      ? `V8 ${v8}: wide SIMD kernels can be used`
      : `V8 ${v8}: the wide SIMD kernels want Node ${nodeMajorOfWideKernels} or later; narrower ones are used`;
  return {
    ...found("node", "runs Finch", "npm ci (it brings the pinned Node), or https://nodejs.org"),
    version: process.versions.node,
    path: process.execPath,
    note: process.versions.node === pinned ? kernels : `${kernels}; Finch is tested with Node ${pinned}`,
  };
}

async function pinnedNode(): Promise<string> {
  const content: unknown = JSON.parse(await readFile(join(packageFolder(), "package.json"), "utf8"));
  return z.object({ devDependencies: z.object({ node: z.string() }) }).parse(content).devDependencies.node;
}

async function lookAtSimd(ask: NonNullable<DoctorOptions["simdVariant"]>): Promise<ToolState> {
  const { variant, note } = await ask();
  return {
    name: "simd",
    purpose: "vector instructions of this processor, for training",
    state: "found",
    version: variant,
    path: null,
    note: note ?? null,
    install: "depends on the processor and on Node",
  };
}

/** Nothing needs a GPU: none is no problem. */
async function lookAtGpu(ask: NonNullable<DoctorOptions["gpu"]>): Promise<ToolState> {
  const { variant, note } = await ask();
  const install = "npm install gpu.js webgpu";
  return { ...found("gpu", "an adapter for training", install), version: variant, note: note ?? null };
}

function found(name: string, purpose: string, install: string): ToolState {
  return { name, purpose, state: "found", version: null, path: null, note: null, install };
}

function missing(name: string, purpose: string, install: string): ToolState {
  return { ...found(name, purpose, install), state: "missing" };
}

async function versionOf(path: string, pattern: RegExp): Promise<string | null> {
  const { code, stdout } = await runCommand(path, ["--version"], { timeoutSeconds: 60 });
  return code === 0 ? (pattern.exec(stdout)?.[1] ?? null) : null;
}

const tryProgram = '#include <stdio.h>\n#include <math.h>\nint main(void) { return printf("%f", sqrt(2.0)) < 0; }\n';

function compiler(name: ExternalToolName, purpose: string, packages: readonly string[]): Probe {
  const install = `apt-get install ${packages.join(" ")}`;
  return {
    packages,
    async look() {
      const path = await findTool(name);
      if (path === null) return missing(name, purpose, install);
      const base = { ...found(name, purpose, install), path, version: await versionOf(path, /(\d+\.\d+[.\d]*)/) };
      if (!packages.includes("libc6-dev")) return base;
      const { code } = await runCommand(path, ["-x", "c", "-fsyntax-only", "-"], {
        timeoutSeconds: 60,
        input: tryProgram,
      });
      return code === 0
        ? base
        : { ...base, state: "unsuitable", note: "the C library's headers (libc6-dev) are missing" };
    },
  };
}

function emulator(name: "qemu-system-riscv32" | "qemu-system-riscv64", purpose: string): Probe {
  const install = `apt-get install ${externalTools[name].debianPackage}`;
  return {
    // Newer releases keep the RISC-V machines in a package of their own.
    packages: [["qemu-system-riscv", externalTools[name].debianPackage]],
    async look() {
      const path = await findTool(name);
      if (path === null) return missing(name, purpose, install);
      return { ...found(name, purpose, install), path, version: await versionOf(path, /version (\S+)/) };
    },
  };
}

/** clang comes without the library that its sanitizers link. */
async function lookAtSanitizers(debianPackage: string): Promise<ToolState> {
  const name = "clang-sanitizers";
  const purpose = "finds undefined behaviour in generated C, a second time";
  const install = `apt-get install ${debianPackage}`;
  return (await canSanitize("clang")) ? found(name, purpose, install) : missing(name, purpose, install);
}

async function lookAtPicolibc(): Promise<ToolState> {
  const name = "picolibc";
  const purpose = "C library of the RISC-V programs";
  const install = "apt-get install picolibc-riscv64-unknown-elf";
  const compilerPath = await findTool("riscv64-unknown-elf-gcc");
  if (compilerPath === null) return missing(name, purpose, install);
  const { code, stdout } = await runCommand(compilerPath, ["--specs=picolibc.specs", "-dM", "-E", "-"], {
    timeoutSeconds: 60,
    input: "#include <picolibc.h>\n",
  });
  const version = /_PICOLIBC_VERSION "([^"]+)"/.exec(stdout)?.[1];
  if (code !== 0 || version === undefined) return missing(name, purpose, install);
  return { ...found(name, purpose, install), version };
}

async function lookAtPython(): Promise<ToolState> {
  const name = "python3";
  const purpose = "runs TVM, a reference to compare with";
  const install = "apt-get install python3 python3-venv (3.11 or later)";
  const python = await findPython();
  if (python === null) return missing(name, purpose, install);
  const base = { ...found(name, purpose, install), path: python.path, version: python.version };
  if (!isRecentEnough(python)) return { ...base, state: "unsuitable", note: "TVM wants Python 3.11 or later" };
  return python.canMakeEnvironments
    ? base
    : { ...base, state: "unsuitable", note: "cannot make environments: python3-venv is missing" };
}

async function lookAtTvm(): Promise<ToolState> {
  const name = "tvm";
  const purpose = "reference compiler: outputs, instructions, code size and RAM beside ours";
  const install = "finch doctor --install";
  if (!(await environmentIsReady())) return missing(name, purpose, install);
  const base = { ...found(name, purpose, install), path: pythonEnvironment() };
  try {
    return { ...base, version: await tvmVersion() };
  } catch (error) {
    if (!(error instanceof FinchError)) throw error;
    return { ...base, state: "unsuitable", note: "the environment does not run; remove the folder and install again" };
  }
}

async function lookAtOnnxruntime(): Promise<ToolState> {
  const name = "onnxruntime-node";
  const purpose = "reference run of the exported ONNX";
  const install = "npm install onnxruntime-node";
  try {
    const require = createRequire(import.meta.url);
    const path = require.resolve("onnxruntime-node/package.json");
    const content: unknown = require(path);
    const version =
      typeof content === "object" && content !== null && "version" in content ? String(content.version) : null;
    return { ...found(name, purpose, install), path, version };
  } catch {
    return missing(name, purpose, install);
  }
}

/** Chromium as the browser checks would start it: one on PATH, else the one that Playwright keeps. Null when there is none. */
export async function findChromium(): Promise<string | null> {
  for (const command of ["chromium", "google-chrome", "google-chrome-stable", "chromium-browser"]) {
    const path = await findOnPath(command);
    if (path !== null && (await versionOf(path, /(\d+\.\d+[.\d]*)/)) !== null) return path;
  }
  try {
    const { chromium } = await import("playwright-core");
    const path = chromium.executablePath();
    await access(path);
    return path;
  } catch {
    return null;
  }
}

async function lookAtChromium(ubuntu: boolean): Promise<ToolState> {
  const name = "chromium";
  const purpose = "runs the checks of the GPU kernels and of the browser bundle";
  const install = ubuntu ? "npx playwright-core install --with-deps chromium" : "apt-get install chromium";
  const path = await findChromium();
  if (path === null) return missing(name, purpose, install);
  return { ...found(name, purpose, install), path, version: await versionOf(path, /(\d+\.\d+[.\d]*)/) };
}
