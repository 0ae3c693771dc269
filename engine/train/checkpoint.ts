import { z } from "zod";
import { architectureSchema } from "../architecture.ts";
import { openEnvelope, sealEnvelope, type FileKind } from "../envelope.ts";
import { DataError } from "../errors.ts";
import { Model } from "../model.ts";
import { elementCount } from "../shape.ts";
import type { Slot } from "../slot.ts";
import type { ModelState } from "./evaluate-model.ts";
import { averagedState } from "./weight-average.ts";

const kind: FileKind = { magic: "finch-checkpoint", schemaVersion: 1, what: "checkpoint" };

const metrics = z.object({
  epoch: z.number(),
  step: z.number(),
  learningRate: z.number(),
  trainLoss: z.number(),
  trainAccuracy: z.number(),
  validationLoss: z.number().nullable(),
  validationAccuracy: z.number().nullable(),
  seconds: z.number(),
  imagesPerSecond: z.number(),
});

const contentSchema = z.object({
  /** Finch version that wrote it. */
  version: z.string(),
  architecture: architectureSchema,
  classes: z.array(z.string()),
  normalization: z.object({ mean: z.array(z.number()), deviation: z.array(z.number()) }),
  data: z.object({ name: z.string(), fingerprint: z.string() }),
  /** Back end, variant and numerics profile that trained it. */
  backend: z.string(),
  variant: z.string(),
  profile: z.string(),
  /** Frozen settings of the training, for a resumed run to compare with its own. */
  settings: z.record(z.string(), z.unknown()),
  /** Steps done. */
  step: z.int().min(0),
  /** Sums of the unfinished epoch. */
  partial: z.object({ images: z.number(), lossSum: z.number(), correct: z.number(), seconds: z.number() }),
  history: z.array(metrics),
  /** Parameters, running statistics and the optimiser's memory, by name. */
  slots: z
    .array(z.tuple([z.string(), z.custom<Float32Array>((value) => value instanceof Float32Array)]))
    .transform((entries) => new Map(entries)),
});

/** Everything that is needed to use a trained model, or to go on training as if never stopped. */
export type Checkpoint = z.output<typeof contentSchema>;

export function encodeCheckpoint(checkpoint: Checkpoint): Promise<Uint8Array> {
  return sealEnvelope(kind, { ...checkpoint, slots: [...checkpoint.slots] });
}

/**
 * @param name of the file, for errors
 * @throws DataError when the bytes are no checkpoint, of a newer schema, or damaged
 */
export async function decodeCheckpoint(bytes: Uint8Array, name = "checkpoint"): Promise<Checkpoint> {
  const checkpoint = contentSchema.safeParse(await openEnvelope(kind, bytes, name));
  if (!checkpoint.success) {
    const { path, message } = checkpoint.error.issues[0]!;
    throw new DataError(`${name}: ${path.map(String).join(".")}: ${message}`);
  }
  return checkpoint.data;
}

/** A model with trained values: averaged ones, where the training kept averages of the weights. */
export interface RestoredModel {
  readonly model: Model;
  readonly state: ModelState;
  /** The trained values of one slot of the model. */
  readonly values: (slot: Slot) => Float32Array;
}

/** @throws DataError when the checkpoint lacks a value of its own architecture */
export function restoreModel(checkpoint: Checkpoint, name = "checkpoint"): RestoredModel {
  const model = Model.fromArchitecture(checkpoint.architecture);
  const state = averagedState(checkpoint.slots);
  for (const slot of model.slots) {
    const values = state.get(slot.name);
    if (values?.length !== elementCount(slot.shape))
      throw new DataError(
        `${name}: ${slot.name} should hold ${elementCount(slot.shape)} values, it has ${values?.length ?? "none"}`,
      );
  }
  return { model, state, values: (slot) => state.get(slot.name)! };
}
