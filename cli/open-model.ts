import { statedExtents } from "../codegen/quantize/aware/extents.ts";
import type { Architecture } from "../engine/architecture.ts";
import type { DataSet, Normalization } from "../engine/data/image-set.ts";
import { noiseImages } from "../engine/data/noise.ts";
import { isOfKind } from "../engine/envelope.ts";
import { ConfigError, DataError } from "../engine/errors.ts";
import { findCheckpoint, readModelFile } from "../engine/io-node/checkpoint-file.ts";
import { Model } from "../engine/model.ts";
import { decodeNetwork, networkFile, type StoredNetwork } from "../engine/plan/network-file.ts";
import { networkModel } from "../engine/plan/network-model.ts";
import { type Checkpoint, decodeCheckpoint, restoreModel, type RestoredModel } from "../engine/train/checkpoint.ts";
import { batchStatistics } from "../engine/train/batch-statistics.ts";
import { createWasmBackend } from "../kernels/wasm/node/index.ts";
import { builtInArchitecture, openArchitecture } from "./open-architecture.ts";
import type { Output } from "./output.ts";

export interface OpenedModel extends RestoredModel {
  readonly name: string;
  readonly classes: readonly string[];
  readonly normalization: Normalization;
  /** Absent for a network that was made by others. */
  readonly architecture?: Architecture;
  /** Absent for an architecture that was never trained, and for a network that was made by others. */
  readonly checkpoint?: Checkpoint;
  /** Where the model itself gives probabilities: the same with logits, which evaluation takes. */
  readonly scoring?: Model;
}

/** A model with the checkpoint that it was trained into. */
export interface TrainedModel extends OpenedModel {
  readonly architecture: Architecture;
  readonly checkpoint: Checkpoint;
}

/** As openModel, for one that can be trained on. @throws DataError; ConfigError for a network that was made by others */
export async function openTrained(model: string): Promise<TrainedModel> {
  const opened = await openModel(model);
  const { architecture, checkpoint } = opened;
  if (architecture === undefined || checkpoint === undefined)
    throw new ConfigError(`${model} was not trained here: only a model that was can be trained on`);
  return { ...opened, architecture, checkpoint };
}

/** @throws DataError when data have other classes than a model was trained on */
export function expectClasses(data: DataSet, { classes }: OpenedModel): void {
  if (data.classes.join() !== classes.join())
    throw new DataError(
      `${data.name}: the classes are ${data.classes.join(", ")}; the model knows ${classes.join(", ")}`,
    );
}

/** MODEL of the command line: a checkpoint, a run folder or an imported network. @throws DataError */
export async function openModel(model: string): Promise<OpenedModel> {
  const path = await findCheckpoint(model);
  const bytes = await readModelFile(path);
  if (isOfKind(bytes, networkFile)) return openNetwork(await decodeNetwork(bytes, path));
  return openCheckpoint(await decodeCheckpoint(bytes, path), path);
}

/** @param path for errors @throws DataError when it lacks a value of its own architecture */
export function openCheckpoint(checkpoint: Checkpoint, path?: string): TrainedModel {
  const { architecture, classes, normalization } = checkpoint;
  return {
    ...restoreModel(checkpoint, path),
    name: architecture.name,
    classes,
    normalization,
    architecture,
    checkpoint,
  };
}

function openNetwork({ graph, name, classes, normalization, probabilities }: StoredNetwork): OpenedModel {
  const { model, state: trained } = networkModel(graph);
  const state = new Map([...trained, ...statedExtents(graph)]);
  return {
    ...{ model, state, name, classes, normalization },
    values: (slot) => state.get(slot.name)!,
    ...(probabilities ? { scoring: networkModel(graph, { probabilities }).model } : {}),
  };
}

/**
 * As openModel; a built-in architecture or its file does too, with its first random weights. Its batch norms have the
 * statistics of noise, else values would grow from layer to layer beyond what float32 compares well.
 * @throws DataError, ConfigError
 */
export async function openModelOrArchitecture(model: string, output: Output): Promise<OpenedModel> {
  if (builtInArchitecture(model) === undefined && !model.endsWith(".json")) return openModel(model);
  const architecture = await openArchitecture(model);
  output.warn(`${model} is an architecture: its weights are random, only cost and form are of use`);
  const untrained = Model.fromArchitecture(architecture);
  const channels = architecture.input[2];
  const normalization = {
    mean: new Array<number>(channels).fill(0.5),
    deviation: new Array<number>(channels).fill(0.25),
  };
  const state = new Map(untrained.slots.map((slot) => [slot.name, slot.initial()]));
  for (const [name, values] of await noiseStatistics(untrained, normalization)) state.set(name, values);
  return {
    model: untrained,
    state,
    values: (slot) => state.get(slot.name)!,
    name: architecture.name,
    architecture,
    classes: Array.from({ length: untrained.classes }, (_, index) => `class ${index}`),
    normalization,
  };
}

const noiseBatch = 8;

async function noiseStatistics(model: Model, normalization: Normalization): Promise<ReadonlyMap<string, Float32Array>> {
  const backend = await createWasmBackend({ threads: 1, inline: true });
  try {
    return await batchStatistics(model, noiseImages(noiseBatch, model.input), { backend, normalization });
  } finally {
    await backend.dispose();
  }
}
