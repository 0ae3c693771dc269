import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exportOnnx } from "../../codegen/onnx/export.ts";
import { ConfigError } from "../../engine/errors.ts";
import { lowerModel } from "../../engine/plan/lower.ts";
import { randomNormal } from "../../engine/random.ts";
import { candidateCosts } from "../../cli/search-setup.ts";
import { createSampler } from "../../nas/sampler.ts";
import { hybrid } from "../../nas/space/presets.ts";
import type { Tolerance } from "./contest.ts";
import { jobModel, jobTensors, writeJob, type Network } from "./job.ts";
import { openArchitecture } from "../../cli/open-architecture.ts";

export const suiteNames = ["train", "candidates", "infer", "small-cnn", "gemm"] as const;
export type SuiteName = (typeof suiteNames)[number];

/** A way of a peer to do the job, by the peer's name. */
interface Entry {
  readonly peer: PeerName;
  readonly way: string;
  readonly optional?: boolean;
}

export const peerNames = ["finch", "torch", "onnxruntime", "tfjs", "jax-js", "gpu.js"] as const;
export type PeerName = (typeof peerNames)[number];

export interface PlannedJob {
  readonly name: string;
  /** Of the file of results; jobs of one file run with the same processes. */
  readonly write: (folder: string) => Promise<void>;
  readonly entries: readonly Entry[];
  readonly tolerance: Tolerance;
}

export interface SuiteOptions {
  readonly arch: readonly string[];
  readonly batch: number;
}

const finch: Entry = { peer: "finch", way: "" };
const torch: readonly Entry[] = [
  { peer: "torch", way: "default" },
  { peer: "torch", way: "channels-last" },
];
const compiled: Entry = { peer: "torch", way: "compile", optional: true };

/**
 * Losses before the first update differ by rounding alone. Later ones by more: AdamW's first updates are close to the
 * sign of the gradient, so rounding of a gradient near zero moves a weight by the whole learning rate, and PyTorch's own
 * two layouts are up to 3e-3 apart.
 */
const lossTolerance = { first: 1e-4, all: 1e-2 };

async function trainingJob(folder: string, name: string, network: Network, batch: number): Promise<void> {
  const job = { name, kind: "train", network, batch, learningRate: 1e-3, checkedSteps: 5 } as const;
  await writeJob(
    folder,
    { ...job, weightDecay: network === "small-cnn" ? 0 : 1e-5 },
    jobTensors(jobModel(network), batch),
  );
}

/** The deployed network; what it was trained to is drawn at random. */
async function inferenceJob(folder: string, name: string, network: Network, batch: number): Promise<void> {
  const model = jobModel(network);
  const tensors = jobTensors(model, batch, { statistics: "random" });
  await writeJob(folder, { name, kind: "infer", network, batch }, tensors);
  const lowered = lowerModel(model, (slot) => tensors[slot.name]!.values);
  await writeFile(join(folder, "model.onnx"), exportOnnx(lowered, { name }, { batch }));
}

/** 20 random networks of the `hybrid` preset of at most 100,000 parameters and 30 million MACs, always the same ones. */
function candidates(): readonly Network[] {
  const task = { input: [32, 32, 3] as const, classes: 10 };
  const limits = { parameters: 100_000, macs: 30_000_000 };
  const sampler = createSampler(hybrid, task, candidateCosts, { limits });
  const taken = new Set<string>();
  return Array.from({ length: 20 }, (_, index) => {
    const candidate = sampler.sample(taken, 7, index);
    if (candidate === undefined) throw new ConfigError(`bench:peers: the sampler found no candidate ${index}`);
    taken.add(candidate.id);
    return candidate.architecture;
  });
}

/** The jobs of a suite, by the file of results that they go to. */
export async function suiteJobs(suite: SuiteName, { arch, batch }: SuiteOptions): Promise<Map<string, PlannedJob[]>> {
  switch (suite) {
    case "train": {
      const files = new Map<string, PlannedJob[]>();
      for (const name of arch) {
        const network = await openArchitecture(name);
        const write = (folder: string) => trainingJob(folder, network.name, network, batch);
        const entries = [finch, ...torch, compiled];
        files.set(`train-${network.name}`, [{ name: network.name, write, entries, tolerance: lossTolerance }]);
      }
      return files;
    }
    case "candidates": {
      const jobs = candidates().map((network, index) => {
        const name = `candidate-${String(index).padStart(2, "0")}`;
        const write = (folder: string) => trainingJob(folder, name, network, batch);
        return { name, write, entries: [finch, ...torch], tolerance: lossTolerance };
      });
      return new Map([["candidates", jobs]]);
    }
    case "infer": {
      const jobs: PlannedJob[] = [];
      for (const name of arch)
        for (const images of [1, 64]) {
          const network = await openArchitecture(name);
          const title = `${network.name} batch ${images}`;
          const write = (folder: string) => inferenceJob(folder, title, network, images);
          const entries: Entry[] = [finch, { peer: "onnxruntime", way: "" }, ...torch, compiled];
          jobs.push({ name: title, write, entries, tolerance: { first: 1e-3, all: 1e-3 } });
        }
      return new Map([["infer", jobs]]);
    }
    case "small-cnn": {
      const write = (folder: string) => trainingJob(folder, "small-cnn", "small-cnn", 32);
      const others: Entry[] = [
        { peer: "jax-js", way: "wasm" },
        { peer: "tfjs", way: "cpu" },
        { peer: "tfjs", way: "wasm", optional: true },
      ];
      const entries = [finch, ...torch, ...others];
      return new Map([["small-cnn", [{ name: "small-cnn", write, entries, tolerance: lossTolerance }]]]);
    }
    case "gemm": {
      const size = 512;
      const matrix = (stream: number) => ({
        shape: [size, size],
        values: Float32Array.from({ length: size * size }, (_, index) => randomNormal(stream, index)),
      });
      const name = `gemm-${size}`;
      const write = (folder: string) =>
        writeJob(folder, { name, kind: "gemm", size, every: 997 }, { a: matrix(1), b: matrix(2) });
      const entries: Entry[] = [
        finch,
        { peer: "torch", way: "default" },
        { peer: "jax-js", way: "wasm" },
        { peer: "tfjs", way: "wasm" },
        { peer: "tfjs", way: "cpu" },
        { peer: "gpu.js", way: "cpu" },
        { peer: "gpu.js", way: "webasm", optional: true },
      ];
      return new Map([[name, [{ name, write, entries, tolerance: { first: 1e-4, all: 1e-4 } }]]]);
    }
  }
}
