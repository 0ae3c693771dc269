import type { Architecture } from "../engine/architecture.ts";
import type { Backend, Program } from "../engine/backend.ts";
import { BackendError } from "../engine/errors.ts";
import type { Graph } from "../engine/graph.ts";
import { Model } from "../engine/model.ts";
import { foldBatchNorms } from "../engine/plan/fold.ts";
import { evaluationGraph, lowerModel } from "../engine/plan/lower.ts";
import { graphMacs, networkMacs } from "../engine/plan/macs.ts";
import { inferenceToGraph } from "../engine/plan/record-inference.ts";
import { randomInteger, randomNormal } from "../engine/random.ts";
import { elementCount } from "../engine/shape.ts";
import { adamW } from "../engine/train/optimizers.ts";
import { trainingStep } from "../engine/train/training-step.ts";
import { createReferenceBackend } from "../kernels/reference/index.ts";
import type { MeasureOptions } from "./benny.ts";
import { deviceUse, timeStep } from "./device-timing.ts";
import { roofline, type Peak } from "./roofline.ts";
import type { LatencyRow, NetworkRow } from "./rows.ts";
import { median, percentile, relativeDifference } from "./statistics.ts";

export interface NetworkBenchOptions extends MeasureOptions {
  readonly backend: Backend;
  readonly batch: number;
  /** What this machine can do at most; null where it was not measured. */
  readonly peak: Peak | null;
}

/** Losses of the second step depend on the gradients of the first, whose sign alone decides AdamW's first updates. */
const tolerance = { train: 1e-2, infer: 1e-4 };

/** Runs until the engine has optimised what surrounds the kernels. */
const latencyWarmUps = 100;

/** Whole training steps (forward, backward, AdamW) over one resident batch. */
export function benchTraining(architecture: Architecture, options: NetworkBenchOptions): Promise<NetworkRow> {
  return benchNetwork("train", architecture, options);
}

/** The network as it is deployed for batch 1; in evaluation mode, batch norms folded, for larger batches. */
export function benchInference(architecture: Architecture, options: NetworkBenchOptions): Promise<NetworkRow> {
  return benchNetwork("infer", architecture, options);
}

/** How long one image takes, as a caller sees it: fed, run, logits read. */
export async function benchLatency(
  architecture: Architecture,
  { backend, seconds = 1 }: Pick<NetworkBenchOptions, "backend" | "seconds">,
): Promise<LatencyRow> {
  const model = Model.fromArchitecture(architecture);
  const graph = networkGraph("infer", model, 1);
  const program = await backend.compile(graph);
  try {
    const checked = await checkNetwork("infer", architecture, backend, 1, program);
    const feeds = feedsOf(graph, model.classes);
    const times: number[] = [];
    const infer = async (): Promise<void> => {
      const start = performance.now();
      await program.run(feeds);
      await program.read("logits");
      times.push((performance.now() - start) / 1000);
    };
    for (let run = 0; run < latencyWarmUps; run++) await infer();
    times.length = 0;
    for (const end = performance.now() + 1000 * seconds; times.length < 20 || performance.now() < end;) await infer();
    return {
      suite: "latency",
      arch: architecture.name,
      ...{ backend: backend.name, variant: backend.variant, threads: backend.threads, batch: 1 },
      ...{ minimum: Math.min(...times), median: median(times), percentile95: percentile(times, 95) },
      samples: times.length,
      ...checked,
    };
  } finally {
    await program.dispose();
  }
}

export function networkGraph(suite: NetworkRow["suite"], model: Model, batch: number): Graph {
  if (suite === "train") return trainingStep(model, { batchSize: batch, optimizer: adamW() });
  return batch === 1 ? inferenceToGraph(lowerModel(model)) : foldBatchNorms(evaluationGraph(model, batch));
}

type Feeds = Readonly<Record<string, Float32Array>>;

async function benchNetwork(
  suite: NetworkRow["suite"],
  architecture: Architecture,
  { backend, batch, peak, ...measureOptions }: NetworkBenchOptions,
): Promise<NetworkRow> {
  const model = Model.fromArchitecture(architecture);
  const graph = networkGraph(suite, model, batch);
  const program = await backend.compile(graph);
  try {
    const checked = await checkNetwork(suite, architecture, backend, batch, program);
    await program.run(feedsOf(graph, model.classes));
    const output = suite === "train" ? "loss" : "logits";
    const timing = await timeStep(program, `${suite} ${architecture.name}`, output, measureOptions);
    return {
      suite,
      arch: architecture.name,
      backend: backend.name,
      variant: backend.variant,
      threads: backend.threads,
      batch,
      ...timing,
      imagesPerSecond: batch / timing.median,
      activationBytes: program.statistics.arenaBytes,
      macs: networkMacs(lowerModel(model)),
      ...(await deviceUse(program, output)),
      ...roofline({ flops: 2 * graphMacs(graph), bytes: graphBytes(graph) }, timing.median, peak),
      ...checked,
    };
  } finally {
    await program.dispose();
  }
}

/** Random images and labels; every `period` images they repeat. */
export function feedsOf(graph: Graph, classes: number, period = Infinity): Feeds {
  const values: Record<string, (index: number, perImage: number) => number> = {
    images: (index, perImage) => randomNormal(1, index % (period * perImage)),
    labels: (index) => randomInteger(classes, 2, index % period),
    learningRate: () => 1e-3,
    step: () => 1,
    seed: (index) => index,
  };
  return Object.fromEntries(
    graph.inputs.map(({ name, shapes: [shape] }) => {
      const length = elementCount(shape);
      const perImage = length / (shape[0] ?? 1);
      return [name, Float32Array.from({ length }, (_, index) => values[name]!(index, perImage))];
    }),
  );
}

/**
 * Runs the program and the reference back end: losses of two steps, or logits. The reference computes a few images, which
 * the batch repeats: neither losses nor gradients change by that. Dropout drops other cells of a larger batch, so a
 * network with dropout is compared by a program of its own, for these few images.
 * @throws BackendError when they disagree
 */
async function checkNetwork(
  suite: NetworkRow["suite"],
  architecture: Architecture,
  backend: Backend,
  batch: number,
  program: Program,
) {
  const images = [4, 3, 2, 1].find((count) => batch % count === 0)!;
  const model = Model.fromArchitecture(architecture);
  const [small, large] = [networkGraph(suite, model, images), networkGraph(suite, model, batch)];
  const drops = small.inputs.some(({ name }) => name === "seed");
  const reference = await createReferenceBackend().compile(small);
  const checked = drops ? await backend.compile(small) : program;
  const actual = await results(suite, checked, feedsOf(drops ? small : large, model.classes, images));
  const expected = await results(suite, reference, feedsOf(small, model.classes));
  await reference.dispose();
  if (drops) await checked.dispose();
  const repeated = Float64Array.from({ length: actual.length }, (_, index) => expected[index % expected.length]!);
  const error = relativeDifference(actual, repeated);
  const [checksum, referenceChecksum] = [actual, repeated].map((values) =>
    values.reduce((sum: number, value) => sum + value, 0),
  ) as [number, number];
  if (!(error <= tolerance[suite]))
    throw new BackendError(
      `bench: ${suite} ${architecture.name} on ${backend.name} (${backend.variant}) is wrong: it differs from the ` +
        `reference by ${error.toExponential(1)} of the largest value, at most ${tolerance[suite]} is allowed; ` +
        `its checksum is ${checksum}, ${referenceChecksum} was expected`,
    );
  return { checksum, referenceChecksum, error, checkedImages: images };
}

async function results(suite: NetworkRow["suite"], program: Program, feeds: Feeds): Promise<Float64Array> {
  if (suite === "infer") {
    await program.run(feeds);
    return Float64Array.from(await program.read("logits"));
  }
  const losses: number[] = [];
  for (let step = 1; step <= 2; step++) {
    await program.run({ ...feeds, step: Float32Array.of(step) });
    losses.push((await program.read("loss"))[0]!);
  }
  return Float64Array.from(losses);
}

/** What a step must read and write at least: inputs, and slots once each way. */
function graphBytes({ inputs, slots, assigns }: Graph): number {
  const cells = [...inputs, ...slots].reduce((sum, { shapes }) => sum + elementCount(shapes[0]), 0);
  return 4 * assigns.reduce((sum, { slot }) => sum + elementCount(slot.shape), cells);
}
