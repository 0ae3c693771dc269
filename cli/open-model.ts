import { type Architecture, builtInArchitectures } from "../engine/architecture.ts";
import type { Normalization } from "../engine/data/image-set.ts";
import { isOfKind } from "../engine/envelope.ts";
import { findCheckpoint, readModelFile } from "../engine/io-node/checkpoint-file.ts";
import { Model } from "../engine/model.ts";
import { decodeNetwork, networkFile, type StoredNetwork } from "../engine/plan/network-file.ts";
import { networkModel } from "../engine/plan/network-model.ts";
import { type Checkpoint, decodeCheckpoint, restoreModel, type RestoredModel } from "../engine/train/checkpoint.ts";
import { openArchitecture } from "./open-architecture.ts";
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

/** MODEL of the command line: a checkpoint, a run folder or an imported network. @throws DataError */
export async function openModel(model: string): Promise<OpenedModel> {
  const path = await findCheckpoint(model);
  const bytes = await readModelFile(path);
  if (isOfKind(bytes, networkFile)) return openNetwork(await decodeNetwork(bytes, path));
  const checkpoint = await decodeCheckpoint(bytes, path);
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
  const { model, state } = networkModel(graph);
  return {
    ...{ model, state, name, classes, normalization },
    values: (slot) => state.get(slot.name)!,
    ...(probabilities ? { scoring: networkModel(graph, { probabilities }).model } : {}),
  };
}

/** As openModel; a built-in architecture or its file does too, with its first random weights. @throws DataError, ConfigError */
export async function openModelOrArchitecture(model: string, output: Output): Promise<OpenedModel> {
  if (!(model in builtInArchitectures) && !model.endsWith(".json")) return openModel(model);
  const architecture = await openArchitecture(model);
  output.warn(`${model} is an architecture: its weights are random, only cost and form are of use`);
  const untrained = Model.fromArchitecture(architecture);
  const state = new Map(untrained.slots.map((slot) => [slot.name, slot.initial()]));
  const channels = architecture.input[2];
  return {
    model: untrained,
    state,
    values: (slot) => state.get(slot.name)!,
    name: architecture.name,
    architecture,
    classes: Array.from({ length: untrained.classes }, (_, index) => `class ${index}`),
    normalization: { mean: new Array<number>(channels).fill(0.5), deviation: new Array<number>(channels).fill(0.25) },
  };
}
