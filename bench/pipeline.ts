import type { Architecture } from "../engine/architecture.ts";
import type { Backend, Program } from "../engine/backend.ts";
import type { Augmentation } from "../engine/data/augment/augmentation.ts";
import { lookUpBytes } from "../engine/byte-lookup.ts";
import { trainingBatches } from "../engine/data/batches.ts";
import type { DataSet } from "../engine/data/image-set.ts";
import { normalizationTable } from "../engine/data/normalization.ts";
import { Model } from "../engine/model.ts";
import { stepSeed } from "../engine/random.ts";
import { adamW } from "../engine/train/optimizers.ts";
import { constantRate } from "../engine/train/schedules.ts";
import { Trainer } from "../engine/train/trainer.ts";
import { trainingStep } from "../engine/train/training-step.ts";
import { randomData } from "./random-data.ts";
import type { PipelineRow } from "./rows.ts";
import { median } from "./statistics.ts";

export interface PipelineBenchOptions {
  readonly backend: Backend;
  readonly batch: number;
  /** What the images go through, and its name for the row. */
  readonly augmentation: string;
  readonly augment: readonly Augmentation[];
  /** Time to spend on steps. Default 4. */
  readonly seconds?: number;
}

/** Far more than caches hold. */
const images = 16384;
/** Seconds of resident steps, then of end-to-end steps, in turn: a drift of the machine hits both. */
const longestTurn = 0.06;
const warmUps = 12;

/**
 * A training by the Trainer, and the same step over a batch that lies in the back end's memory, in turn. The ratio is
 * the median over pairs of turns.
 */
export async function benchPipeline(
  architecture: Architecture,
  { backend, batch, augmentation, augment, seconds = 4 }: PipelineBenchOptions,
): Promise<PipelineRow> {
  const turn = Math.min(longestTurn, seconds / 10);
  const data = randomData(architecture, { train: images, validation: 0 });
  const resident = await residentStep(architecture, data, backend, batch);
  const trainer = new Trainer(Model.fromArchitecture(architecture), { backend, schedule: constantRate(1e-4) });
  const controller = new AbortController();
  const pairs: { resident: number; endToEnd: number }[] = [];
  let steps = 0;
  let pending = warmUps;
  let since = 0;
  let residentSeconds = 0;
  const end = performance.now() + 1000 * seconds;
  const runResident = async (count: number): Promise<number> => {
    const start = performance.now();
    for (let step = 0; step < count; step++) await resident.run();
    return (performance.now() - start) / 1000 / count;
  };
  const onStep = async (): Promise<void> => {
    if (--pending > 0) return;
    if (steps === 0) steps = Math.max(2, Math.round(turn / (await runResident(warmUps))));
    else pairs.push({ resident: residentSeconds, endToEnd: (performance.now() - since) / 1000 / steps });
    if (pairs.length >= 5 && performance.now() > end) return controller.abort();
    residentSeconds = await runResident(steps);
    pending = steps;
    since = performance.now();
  };
  try {
    const options = {
      epochs: 1_000_000,
      batchSize: batch,
      augment,
      callbacks: [{ onStep }],
      signal: controller.signal,
    };
    for await (const epoch of trainer.fit(data, options)) void epoch;
  } finally {
    await resident.dispose();
  }
  const endToEnd = pairs.map((pair) => pair.endToEnd);
  return {
    suite: "pipeline",
    arch: architecture.name,
    backend: backend.name,
    variant: backend.variant,
    threads: backend.threads,
    batch,
    augmentation,
    minimum: Math.min(...endToEnd),
    median: median(endToEnd),
    samples: pairs.length,
    imagesPerSecond: batch / median(endToEnd),
    residentImagesPerSecond: batch / median(pairs.map((pair) => pair.resident)),
    ratio: median(pairs.map((pair) => pair.resident / pair.endToEnd)),
    batchSeconds: timeBatches(data, batch, augment),
  };
}

async function residentStep(
  architecture: Architecture,
  data: DataSet,
  backend: Backend,
  batchSize: number,
): Promise<Program> {
  const graph = trainingStep(Model.fromArchitecture(architecture), { batchSize, optimizer: adamW() });
  const program = await backend.compile(graph);
  const { normalization } = data;
  const first = trainingBatches(data.train, { batchSize, normalization, seed: 0, epoch: 0 }).next().value!;
  const images = new Float32Array(first.images.length);
  lookUpBytes(images, first.images, normalizationTable(normalization));
  const inputs: Record<string, Float32Array> = {
    ...{ images, labels: first.labels },
    ...{ learningRate: Float32Array.of(1e-4), step: Float32Array.of(1), seed: stepSeed(0, 0) },
  };
  await program.run(Object.fromEntries(graph.inputs.map(({ name }) => [name, inputs[name]!])));
  return program;
}

/** Seconds to make one batch, nothing else running: the least of some. */
function timeBatches({ train, normalization }: DataSet, batchSize: number, augment: readonly Augmentation[]): number {
  const times: number[] = [];
  const batches = trainingBatches(train, { batchSize, normalization, augment, seed: 0, epoch: 1 });
  for (let start = performance.now(), count = 0; count < 60 && !batches.next().done; count++) {
    const now = performance.now();
    times.push((now - start) / 1000);
    start = now;
  }
  return Math.min(...times);
}
