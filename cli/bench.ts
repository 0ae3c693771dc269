import { availableParallelism } from "node:os";
import { Argument, Option } from "@commander-js/extra-typings";
import { benchCandidates, type CandidatesBenchOptions } from "../bench/candidates.ts";
import { compareKernels, crossoverText } from "../bench/crossover.ts";
import { casesNamed } from "../bench/kernel-cases.ts";
import { benchKernels } from "../bench/kernels.ts";
import { benchInference, benchLatency, benchTraining } from "../bench/networks.ts";
import { measurePeak } from "../bench/peak.ts";
import type { Peak } from "../bench/roofline.ts";
import { benchPipeline } from "../bench/pipeline.ts";
import { chromeTrace } from "../bench/chrome-trace.ts";
import { profileNetwork } from "../bench/profile.ts";
import { benchScaling, type ScalingOptions } from "../bench/scaling.ts";
import { augmentations } from "../engine/data/augment/presets.ts";
import { ConfigError } from "../engine/errors.ts";
import { writeFileAtomically } from "../engine/io-node/atomic-write.ts";
import type { CrossoverRow, KernelRow, NetworkRow, PipelineRow, ProfileRow } from "../bench/rows.ts";
import type { Architecture } from "../engine/architecture.ts";
import type { Backend } from "../engine/backend.ts";
import { benchCodegen, plansOption, precisionsOption, againstOption, targetsOption } from "./bench-codegen.ts";
import { openArchitecture } from "./open-architecture.ts";
import { openBackend, type BackendFlags } from "./open-backend.ts";
import {
  archOption,
  backendOption,
  batchOption,
  gpuModeOption,
  maxActivationMemoryOption,
  positiveInteger,
  positiveNumber,
  threadsOption,
  variantOption,
} from "./options.ts";
import { count, type Output } from "./output.ts";
import { runVerb } from "./run-verb.ts";
import { verb } from "./verb.ts";

interface WorkersBenchFlags {
  readonly arch: string;
  readonly variant: CandidatesBenchOptions["variant"];
  readonly batch: number;
  readonly jobs: number;
  readonly seconds?: number | undefined;
}

async function benchWorkers({ arch, variant, batch, jobs, seconds }: WorkersBenchFlags, output: Output): Promise<void> {
  const time = seconds === undefined ? {} : { seconds };
  const row = await benchCandidates(await openArchitecture(arch), { variant, batch, jobs, ...time });
  output.document({ rows: [row] });
  output.table([
    {
      arch: row.arch,
      variant: row.variant,
      jobs: row.jobs,
      "images/s": count(row.imagesPerSecond),
      "÷ one": row.scaling.toFixed(2),
      "best ÷ best": row.bestScaling.toFixed(2),
      "beside training ms": milliseconds(row.besideSeconds),
    },
  ]);
}

/** One row without augmentation and one for each preset of it. */
async function pipelineRows(
  options: Omit<Parameters<typeof benchPipeline>[1], "augmentation" | "augment">,
  arch: Architecture,
): Promise<PipelineRow[]> {
  const rows: PipelineRow[] = [];
  for (const [augmentation, augment] of Object.entries(augmentations))
    rows.push(await benchPipeline(arch, { ...options, augmentation, augment }));
  return rows;
}

const milliseconds = (seconds: number): string => (1000 * seconds).toPrecision(4);
const microseconds = (seconds: number): string => `${count(1e6 * seconds)} µs`;
const share = (fraction: number | null): string => (fraction === null ? "–" : `${(100 * fraction).toFixed(0)} %`);

interface SuiteFlags {
  readonly arch: string;
  readonly batch: number;
  readonly filter?: string | undefined;
  readonly seconds?: number | undefined;
  readonly trace?: string | undefined;
  readonly by: ProfileRow["by"];
}

interface ScalingFlags {
  readonly variant: ScalingOptions["variant"];
  readonly threads?: number | undefined;
}

/** What a suite measures with. */
interface Bench {
  readonly backend: Backend;
  readonly batch: number;
  readonly peak: Peak | null;
  readonly seconds?: number;
}

async function openBench(options: SuiteFlags & BackendFlags, output: Output): Promise<Bench> {
  const backend = await openBackend(options, output);
  output.message(`${backend.name} ${backend.variant}, threads: ${backend.threads}`);
  const peak = backend.name === "wasm" ? await measurePeak(backend.variant, backend.threads) : null;
  if (peak !== null)
    output.message(
      `peak of this machine: ${peak.gflops.toFixed(0)} GFLOP/s in registers, ` +
        `${peak.gigabytesPerSecond.toFixed(0)} GB/s of memory`,
    );
  return { backend, batch: options.batch, peak, ...(options.seconds !== undefined && { seconds: options.seconds }) };
}

async function kernelSuite(bench: Bench, { filter }: SuiteFlags, output: Output): Promise<void> {
  const onRow = ({ kernel, pass, median }: KernelRow): void =>
    output.message(`${kernel}, ${pass}: ${milliseconds(median)} ms`);
  const rows = await benchKernels({ ...bench, filter, onRow });
  output.document({ peak: bench.peak, rows });
  output.table(
    rows.map(({ kernel, pass, minimum, median, gflops, gigabytesPerSecond, fractionOfPeak }) => ({
      kernel,
      pass,
      "minimum ms": milliseconds(minimum),
      "median ms": milliseconds(median),
      "GFLOP/s": gflops?.toFixed(1) ?? "–",
      "GB/s": gigabytesPerSecond.toFixed(1),
      "of peak": share(fractionOfPeak),
    })),
  );
}

/** On a GPU: every kernel at several batches, beside wasm on all threads. */
async function crossoverSuite(bench: Bench, { filter }: SuiteFlags, output: Output): Promise<void> {
  const wasm = await openBackend({ backend: "wasm" }, output);
  try {
    const measureOn = (backend: Backend) => (name: string, batch: number) =>
      benchKernels({ ...bench, backend, batch, names: [name] });
    const rows = await compareKernels({
      cases: casesNamed(filter),
      batch: bench.batch,
      gpu: measureOn(bench.backend),
      other: measureOn(wasm),
      onRow: (row) => output.message(crossoverText(row)),
    });
    output.document({ peak: null, rows });
    const found = rows.filter((row) => row.suite === "crossover");
    output.table(found.map(crossoverTableRow));
    output.data(`${bench.backend.variant} against ${found[0]?.against ?? "nothing"}`);
  } finally {
    await wasm.dispose();
  }
}

function crossoverTableRow({ kernel, pass, sizes, from }: CrossoverRow): Record<string, string | number> {
  const largest = sizes.at(-1)!;
  return {
    kernel,
    pass,
    batch: largest.batch,
    "gpu ms": milliseconds(largest.seconds),
    "wasm ms": milliseconds(largest.againstSeconds),
    "faster from batch": from ?? "none of these",
  };
}

async function pipelineSuite({ backend, batch, ...time }: Bench, { arch }: SuiteFlags, output: Output): Promise<void> {
  const rows = await pipelineRows({ backend, batch, ...time }, await openArchitecture(arch));
  output.document({ rows });
  output.table(
    rows.map((row) => ({
      arch: row.arch,
      threads: row.threads,
      augmentation: row.augmentation,
      "batch ms": milliseconds(row.batchSeconds),
      "resident images/s": count(row.residentImagesPerSecond),
      "images/s": count(row.imagesPerSecond),
      ratio: row.ratio.toFixed(3),
    })),
  );
}

async function networkSuite(
  suite: NetworkRow["suite"],
  bench: Bench,
  { arch }: SuiteFlags,
  output: Output,
): Promise<void> {
  const measureNetwork = suite === "train" ? benchTraining : benchInference;
  const architecture = await openArchitecture(arch);
  const row = await measureNetwork(architecture, bench);
  const latency = suite === "infer" ? await benchLatency(architecture, bench) : undefined;
  output.document({ peak: bench.peak, rows: latency ? [row, latency] : [row] });
  output.table([
    {
      arch: row.arch,
      variant: row.variant,
      threads: row.threads,
      batch: row.batch,
      "minimum ms": milliseconds(row.minimum),
      "median ms": milliseconds(row.median),
      "images/s": count(row.imagesPerSecond),
      ...(row.device === undefined
        ? { "of peak": share(row.fractionOfPeak) }
        : {
            launches: row.device.launches,
            "read-backs": row.device.readBacks,
            MB: (row.device.bytes / 1e6).toFixed(1),
          }),
    },
  ]);
  if (latency !== undefined)
    output.data(
      `one image: ${microseconds(latency.minimum)} at least, ${microseconds(latency.median)} median, ` +
        `${microseconds(latency.percentile95)} 95th percentile`,
    );
}

async function scalingSuite(
  suite: string,
  { arch, variant, batch, threads = availableParallelism(), seconds }: SuiteFlags & ScalingFlags,
  output: Output,
): Promise<void> {
  if (suite !== "train" && suite !== "infer")
    throw new ConfigError(`bench ${suite} has no --scaling: train and infer have`);
  const time = seconds === undefined ? {} : { seconds };
  const row = await benchScaling(suite, await openArchitecture(arch), { variant, batch, threads, ...time });
  output.document({ rows: [row] });
  output.table([
    {
      arch: row.arch,
      variant: row.variant,
      threads: row.threads,
      "images/s": count(row.imagesPerSecond),
      "one thread": count(row.oneThreadImagesPerSecond),
      "÷ one": row.scaling.toFixed(2),
      "best ÷ best": row.bestScaling.toFixed(2),
    },
  ]);
}

async function profileSuite(
  suite: NetworkRow["suite"],
  bench: Bench,
  flags: SuiteFlags,
  output: Output,
): Promise<void> {
  const architecture = await openArchitecture(flags.arch);
  const { rows, stepSeconds, profiledSeconds, timeline } = await profileNetwork(suite, architecture, {
    ...bench,
    by: flags.by,
  });
  if (flags.trace !== undefined) {
    const trace = chromeTrace(timeline, { name: `${suite} ${architecture.name}, batch ${bench.batch}` });
    await writeFileAtomically(flags.trace, JSON.stringify(trace));
    output.message(`${flags.trace}: open it in chrome://tracing or ui.perfetto.dev`);
  }
  output.document({ peak: bench.peak, stepSeconds, profiledSeconds, rows });
  output.table(
    rows.map((row) => ({
      ...(row.by === "op"
        ? { op: row.op, calls: row.calls }
        : { layer: `${row.op} ${row.shape}`.trim(), pass: row.pass! }),
      ms: (1000 * row.seconds).toFixed(profiledSeconds < 0.01 ? 3 : 2),
      share: share(row.share),
      waiting: share(row.waiting),
      "GFLOP/s": row.gflops?.toFixed(0) ?? "–",
      MB: (row.bytes / 1e6).toFixed(1),
      "GB/s": row.gigabytesPerSecond.toFixed(0),
      "of peak": share(row.fractionOfPeak),
    })),
  );
  output.data(
    `sum of the rows: ${milliseconds(profiledSeconds)} ms; an untraced step: ${milliseconds(stepSeconds)} ms (median)`,
  );
}

export const command = () =>
  verb(
    "bench",
    "Measures kernels, training steps and inference on this machine, and generated C on an emulator.",
    "finch bench train --arch ref-hybrid --batch 128 --threads 2",
  )
    .addArgument(new Argument("<suite>", "what to measure").choices(["kernels", "train", "infer", "codegen"] as const))
    .addOption(archOption().default(undefined, "ref-hybrid; codegen: all that are built in"))
    .addOption(batchOption())
    .addOption(backendOption())
    .addOption(gpuModeOption())
    .addOption(variantOption())
    .addOption(threadsOption())
    .addOption(maxActivationMemoryOption())
    .addOption(new Option("--pipeline", "train: through the whole input pipeline, beside a batch that stays in memory"))
    .addOption(
      new Option("--jobs <count>", "train: candidates at once, each on one thread, beside one alone").argParser(
        positiveInteger,
      ),
    )
    .addOption(new Option("--scaling", "train, infer: all threads beside one"))
    .addOption(new Option("--profile", "train, infer: where the time goes"))
    .addOption(
      new Option("--by <what>", "with --profile: rows by")
        .choices(["op", "layer"] as const)
        .default("op" as const)
        .implies({ profile: true }),
    )
    .addOption(new Option("--trace <file>", "with --profile: one step as a Chrome trace").implies({ profile: true }))
    .addOption(new Option("--filter <text>", "only kernels whose name holds this"))
    .addOption(new Option("--seconds <time>", "how long to measure each").argParser(positiveNumber))
    .addOption(targetsOption())
    .addOption(precisionsOption())
    .addOption(plansOption())
    .addOption(againstOption())
    .action((suite, flags) =>
      runVerb(flags, async ({ output }) => {
        if (suite === "codegen") return benchCodegen(flags, output);
        const options = { ...flags, arch: flags.arch ?? "ref-hybrid" };
        if (suite === "train" && options.jobs !== undefined)
          return benchWorkers({ ...options, jobs: options.jobs }, output);
        if (options.scaling === true) return scalingSuite(suite, options, output);
        // One thread has nothing to wait for when it is the calling one.
        const bench = await openBench({ ...options, inline: suite === "kernels" && options.threads === 1 }, output);
        try {
          if (suite === "kernels" && bench.backend.name === "gpu") return await crossoverSuite(bench, options, output);
          if (suite === "kernels") return await kernelSuite(bench, options, output);
          if (options.pipeline === true) return await pipelineSuite(bench, options, output);
          if (options.profile === true) return await profileSuite(suite, bench, options, output);
          return await networkSuite(suite, bench, options, output);
        } finally {
          await bench.backend.dispose();
        }
      }),
    );
