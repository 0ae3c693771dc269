import { buildGraph, type Graph } from "../../engine/graph.ts";
import { foldBatchNorms } from "../../engine/plan/fold.ts";
import { evaluationGraph, lowerModel } from "../../engine/plan/lower.ts";
import { inferenceToGraph } from "../../engine/plan/record-inference.ts";
import { input } from "../../engine/record.ts";
import type { Slot } from "../../engine/slot.ts";
import { adamW } from "../../engine/train/optimizers.ts";
import { trainingStep } from "../../engine/train/training-step.ts";
import { version } from "../../engine/version.ts";
import { createWasmBackend, type WasmBackend } from "../../kernels/wasm/node/index.ts";
import { jobModel, type Job } from "./job.ts";
import { servePeer, type LoadedJob, type LoadOptions } from "./serve.ts";

type JobOf<K extends Job["kind"]> = Extract<Job, { readonly kind: K }>;

async function training(job: JobOf<"train">, backend: WasmBackend, { tensor }: LoadOptions): Promise<LoadedJob> {
  const { batch, learningRate, weightDecay } = job;
  const model = jobModel(job.network);
  const optimizer = adamW({ weightDecay });
  const program = await backend.compile(trainingStep(model, { batchSize: batch, optimizer }));
  for (const { name } of model.slots) await program.writeSlot(name, tensor(name));
  let step = 0;
  const batchInputs = {
    images: tensor("images"),
    labels: tensor("labels"),
    learningRate: Float32Array.of(learningRate),
  };
  const next = async (inputs: Readonly<Record<string, Float32Array>>): Promise<number> => {
    await program.run({ ...inputs, step: Float32Array.of(++step) });
    return (await program.read("loss"))[0]!;
  };
  return {
    train: () => next(step === 0 ? batchInputs : {}),
    dispose: () => program.dispose(),
  };
}

interface RunningOptions {
  readonly output: string;
  /** Inputs are fed once, and the output is not read. */
  readonly resident: boolean;
  /** State that comes with the job. */
  readonly slots?: readonly Slot[];
}

/** One run of a graph whose inputs come anew each time, or stay. */
async function running(
  graph: Graph,
  inputs: Readonly<Record<string, Float32Array>>,
  { output, resident, slots = [] }: RunningOptions,
  { tensor }: LoadOptions,
  backend: WasmBackend,
): Promise<LoadedJob> {
  const program = await backend.compile(graph);
  for (const { name } of slots) await program.writeSlot(name, tensor(name));
  return {
    result: async () => {
      await program.run(inputs);
      return program.read(output);
    },
    run: async () => {
      await program.run(resident ? {} : inputs);
      if (!resident) await program.read(output);
    },
    dispose: () => program.dispose(),
  };
}

async function load(options: LoadOptions): Promise<LoadedJob> {
  const { job, tensor, threads } = options;
  // A single thread needs no worker.
  const backend = await createWasmBackend({ threads, inline: threads === 1 });
  const loaded = await loadOn(backend);
  return {
    ...loaded,
    dispose: async () => {
      await loaded.dispose?.();
      await backend.dispose();
    },
  };

  async function loadOn(backend: WasmBackend): Promise<LoadedJob> {
    switch (job.kind) {
      case "train":
        return training(job, backend, options);
      case "infer": {
        const model = jobModel(job.network);
        const values = (slot: Slot): Float32Array => tensor(slot.name);
        const graph =
          job.batch === 1
            ? inferenceToGraph(lowerModel(model, values))
            : foldBatchNorms(evaluationGraph(model, job.batch));
        const slots = job.batch === 1 ? [] : model.slots;
        return running(
          graph,
          { images: tensor("images") },
          { output: "logits", resident: false, slots },
          options,
          backend,
        );
      }
      case "gemm": {
        const shape = [job.size, job.size];
        const graph = buildGraph({ c: input("a", shape).matmul(input("b", shape)) });
        const inputs = { a: tensor("a"), b: tensor("b") };
        return running(graph, inputs, { output: "c", resident: true }, options, backend);
      }
    }
  }
}

const probe = await createWasmBackend({ threads: 1, inline: true });
const { variant } = probe;
await probe.dispose();
await servePeer({ finch: version, variant }, load);
