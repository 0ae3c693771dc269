import type { Architecture } from "../engine/architecture.ts";
import type { Backend } from "../engine/backend.ts";
import type { Graph } from "../engine/graph.ts";
import { Model } from "../engine/model.ts";
import { foldBatchNorms } from "../engine/plan/fold.ts";
import { evaluationGraph, lowerModel } from "../engine/plan/lower.ts";
import { networkMacs } from "../engine/plan/macs.ts";
import { inferenceToGraph } from "../engine/plan/record-inference.ts";
import { randomInteger, randomNormal } from "../engine/random.ts";
import { elementCount } from "../engine/shape.ts";
import { adamW } from "../engine/train/optimizers.ts";
import { trainingStep } from "../engine/train/training-step.ts";
import { measure, type MeasureOptions } from "./benny.ts";
import type { NetworkRow } from "./rows.ts";

export interface NetworkBenchOptions extends MeasureOptions {
  readonly backend: Backend;
  readonly batch: number;
}

/** Whole training steps (forward, backward, AdamW) over one resident batch. */
export async function benchTraining(architecture: Architecture, options: NetworkBenchOptions): Promise<NetworkRow> {
  const model = Model.fromArchitecture(architecture);
  const graph = trainingStep(model, { batchSize: options.batch, optimizer: adamW() });
  return benchNetwork("train", architecture, model, graph, options);
}

/** The network as it is deployed for batch 1; in evaluation mode, batch norms folded, for larger batches. */
export async function benchInference(architecture: Architecture, options: NetworkBenchOptions): Promise<NetworkRow> {
  const model = Model.fromArchitecture(architecture);
  const graph =
    options.batch === 1 ? inferenceToGraph(lowerModel(model)) : foldBatchNorms(evaluationGraph(model, options.batch));
  return benchNetwork("infer", architecture, model, graph, options);
}

async function benchNetwork(
  suite: NetworkRow["suite"],
  architecture: Architecture,
  model: Model,
  graph: Graph,
  { backend, batch, ...measureOptions }: NetworkBenchOptions,
): Promise<NetworkRow> {
  const values: Record<string, (index: number) => number> = {
    images: (index) => randomNormal(1, index),
    labels: (index) => randomInteger(model.classes, 2, index),
    learningRate: () => 1e-3,
    step: () => 1,
    seed: (index) => index,
  };
  const program = await backend.compile(graph);
  try {
    const inputs = graph.inputs.map(({ name, shapes }): [string, Float32Array] => [
      name,
      Float32Array.from({ length: elementCount(shapes[0]) }, (_, index) => values[name]!(index)),
    ]);
    await program.run(Object.fromEntries(inputs));
    const timing = await measure(`${suite} ${architecture.name}`, () => program.run(), measureOptions);
    return {
      suite,
      arch: architecture.name,
      backend: backend.name,
      variant: backend.variant,
      threads: backend.threads,
      batch,
      ...timing,
      imagesPerSecond: batch / timing.median,
      macs: networkMacs(lowerModel(model)),
    };
  } finally {
    await program.dispose();
  }
}
