import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { ConfigError } from "../../engine/errors.ts";
import { writeFileAtomically } from "../../engine/io-node/atomic-write.ts";
import { makeFolder } from "../../engine/io-node/make-folder.ts";
import { userCacheFolder } from "../../engine/io-node/user-cache-folder.ts";
import type { Cells } from "../element.ts";
import { generate, type CodegenNetwork, type CodegenOptions, type GeneratedCode } from "../generate.ts";
import type { Choice, Tuning } from "../tune/choices.ts";
import { modelCompiler } from "./compiler.ts";
import { runObserved } from "./layers.ts";
import { contentHash, emulatorVersion, releaseFlags } from "./program.ts";
import { riscvTargetNames } from "./targets.ts";
import { runTool } from "./tools.ts";

export interface TuneRequest {
  readonly network: CodegenNetwork;
  readonly options: Omit<CodegenOptions, "tuning" | "observed">;
  /** [height, width, channels], as the C takes it. */
  readonly image: Cells;
  /** How many ways of writing a kernel are measured at most, the best by estimate first. Default 8. */
  readonly candidates?: number;
  /** Stops between two programs; what was counted is kept. */
  readonly signal?: AbortSignal;
  /** Called after each program that was run, or found as run before. */
  readonly onProgram?: (done: number, of: number) => void;
}

const tunedKernelSchema = z.object({
  /** What it computes, and how its rows lie. */
  kernel: z.string(),
  layers: z.array(z.string()),
  /** The tile that is best by estimate, and that by measurement. */
  estimated: z.string(),
  chosen: z.string(),
  /** What was tried: executed instructions of its layers in one inference. */
  trials: z.array(z.object({ tile: z.string(), instructions: z.int() })),
});

/** What `finch codegen --tune --json` tells. */
export const tunedSchema = z.object({
  /** Executed instructions of all layers in one inference, as chosen by estimate and by measurement. */
  estimatedInstructions: z.int(),
  instructions: z.int(),
  kernels: z.array(tunedKernelSchema),
  /** Programs that were compiled and run, and those whose counts were kept from earlier. */
  measured: z.int(),
  reused: z.int(),
});

export type TunedReport = z.infer<typeof tunedSchema>;

interface Tuned extends TunedReport {
  readonly tuning: Tuning;
}

const countsSchema = z.array(z.int());

/**
 * Chooses tiles by instructions that are counted under QEMU, in the network itself: a program has each kernel in another
 * way, so that as many programs as a kernel has candidates measure all of them, with the rows and rings that they work
 * on. Counts are kept in the user's cache folder by the hash of all that they depend on.
 * @throws ConfigError for a target that is not emulated, ToolError when compiler or emulator are missing
 */
export async function tune(request: TuneRequest): Promise<Tuned> {
  const { network, options, candidates: most = 8, signal, onProgram } = request;
  const { target } = options;
  if (target === "host")
    throw new ConfigError(`--tune counts instructions under QEMU: --target is one of ${riscvTargetNames.join(", ")}`);
  const counter = new Counter(target, request.image, await toolsOf(target));
  const { graph, quantized } = network;
  const unnamed = { graph, name: "tuned", ...(quantized && { quantized }) };
  const observe = (tuning: Tuning): GeneratedCode =>
    generate(unnamed, { ...options, prefix: "tuned", tuning, observed: true });
  const base = observe(new Map());
  const kernels = Map.groupBy(base.choices, ({ kernel }) => kernel);
  const programs = Math.min(most, Math.max(1, ...base.choices.map(({ candidates }) => candidates.length)));
  const counts: number[][] = [];
  for (let at = 0; at < programs; at++) {
    signal?.throwIfAborted();
    counts.push(await counter.count(at === 0 ? base : observe(candidatesAt(base.choices, at))));
    onProgram?.(at + 1, programs + 1);
  }
  const instructionsOf = (layers: readonly Choice[], program: number): number =>
    layers.reduce(
      (sum, { layer }) => sum + counts[program]![base.stages.findIndex((stage) => stage.layer === layer)]!,
      0,
    );
  const found = [...kernels].map(([kernel, layers]) => {
    const trials = layers[0]!.candidates.slice(0, programs).map((candidate, program) => ({
      candidate,
      instructions: instructionsOf(layers, program),
    }));
    const price = ({ candidate, instructions }: (typeof trials)[number]): number => instructions + candidate.codePrice;
    const best = trials.reduce((least, next) => (price(next) < price(least) ? next : least));
    return { kernel, layers, trials, best, codeSaved: trials[0]!.candidate.codePrice - best.candidate.codePrice };
  });
  const together = new Map(
    found.flatMap(({ kernel, trials, best }) => (best === trials[0] ? [] : [[kernel, best.candidate.name] as const])),
  );
  signal?.throwIfAborted();
  const total = (of: readonly number[]): number => of.reduce((sum, instructions) => sum + instructions, 0);
  const before = total(counts[0]!);
  const after = together.size === 0 ? before : total(await counter.count(observe(together)));
  onProgram?.(programs + 1, programs + 1);
  // Kernels are compiled in one file, where one may change what the compiler makes of another.
  const better = after < before + found.reduce((sum, { codeSaved }) => sum + codeSaved, 0);
  const tuning = better ? together : new Map<string, string>();
  return {
    tuning,
    ...{ estimatedInstructions: before, instructions: better ? after : before },
    ...{ measured: counter.measured, reused: counter.reused },
    kernels: found.map(({ kernel, layers, trials }) => ({
      kernel,
      layers: layers.map(({ layer }) => base.stages.find((stage) => stage.layer === layer)!.name),
      estimated: trials[0]!.candidate.name,
      chosen: tuning.get(kernel) ?? trials[0]!.candidate.name,
      trials: trials.map((trial) => ({ tile: trial.candidate.name, instructions: trial.instructions })),
    })),
  };
}

/** Each kernel as its candidate of that rank, where it has so many. */
function candidatesAt(choices: readonly Choice[], rank: number): Tuning {
  return new Map(
    choices.flatMap(({ kernel, candidates }) => {
      const candidate = candidates[rank];
      return candidate === undefined ? [] : [[kernel, candidate.name] as const];
    }),
  );
}

/** Versions of all that makes and counts instructions. */
async function toolsOf(target: Exclude<CodegenOptions["target"], "host">): Promise<string> {
  const { tool, machine } = modelCompiler(target);
  const { stdout } = await runTool(tool, ["--version"]);
  return JSON.stringify([stdout.split("\n")[0], await emulatorVersion(target), machine, releaseFlags]);
}

/** Counts the instructions of each stage of observed C, or finds them counted. */
class Counter {
  readonly #target: Exclude<CodegenOptions["target"], "host">;
  readonly #image: Cells;
  readonly #tools: string;
  measured = 0;
  reused = 0;

  constructor(target: Exclude<CodegenOptions["target"], "host">, image: Cells, tools: string) {
    this.#target = target;
    this.#image = image;
    this.#tools = tools;
  }

  async count(code: GeneratedCode): Promise<number[]> {
    const texts = code.files.filter(({ name }) => name.endsWith(".c")).map(({ text }) => withoutConstants(text));
    const file = join(userCacheFolder(), "tune", `${contentHash(this.#tools, ...texts)}.json`);
    const known = await storedCounts(file);
    if (known?.length === code.stages.length) {
      this.reused++;
      return known;
    }
    const stages = await runObserved({ code, target: this.#target, image: this.#image });
    const counts = stages.map(({ instructions }) => instructions);
    this.measured++;
    try {
      await makeFolder(dirname(file));
      await writeFileAtomically(file, JSON.stringify(counts));
    } catch {
      // Without a folder that can be written the next run counts again.
    }
    return counts;
  }
}

async function storedCounts(file: string): Promise<number[] | undefined> {
  try {
    return countsSchema.parse(JSON.parse(await readFile(file, "utf8")));
  } catch {
    return undefined;
  }
}

/** C without comments, which name layers, and without trained numbers: a network that is trained anew costs alike. */
function withoutConstants(text: string): string {
  return text.replace(/\/\*[^]*?\*\//g, "").replace(/( (?:float|double|int\d+_t) \w+\[\d+\]) = \{[^{}]*\};/g, "$1;");
}
