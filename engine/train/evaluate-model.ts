import type { Backend, Program } from "../backend.ts";
import { evaluationBatches, nextBatch } from "../data/batches.ts";
import type { ImageSet, Normalization } from "../data/image-set.ts";
import { DataError } from "../errors.ts";
import type { Model } from "../model.ts";
import { predictedClasses, score, type Score } from "./metrics.ts";
import { evaluationStep } from "./training-step.ts";

/** Values of a model's slots by name. */
export type ModelState = ReadonlyMap<string, Float32Array>;

export interface Evaluation extends Score {
  readonly images: number;
  /** Mean cross-entropy. */
  readonly loss: number;
  /** Class that each image was taken for, in the order of the set. */
  readonly predictions: Uint32Array;
}

export interface EvaluateOptions {
  readonly backend: Backend;
  readonly normalization: Normalization;
  /** Default 128. */
  readonly batchSize?: number;
}

/** Copies of a program's slots for those of `model`. */
export async function readState(program: Program, names: readonly string[]): Promise<Map<string, Float32Array>> {
  const state = new Map<string, Float32Array>();
  for (const name of names) state.set(name, await program.readSlot(name));
  return state;
}

/** Writes what `state` holds for the program's slots. */
export async function writeState(program: Program, state: ModelState): Promise<void> {
  for (const name of program.slotNames) {
    const values = state.get(name);
    if (values !== undefined) await program.writeSlot(name, values);
  }
}

/** Accuracy, loss and confusion of a model over a set. @throws DataError when set and model do not fit */
export async function evaluateModel(
  model: Model,
  state: ModelState,
  set: ImageSet,
  { backend, normalization, batchSize = 128 }: EvaluateOptions,
): Promise<Evaluation> {
  checkFits(model, set);
  const program = await backend.compile(evaluationStep(model, batchSize, normalization));
  try {
    await writeState(program, state);
    return await evaluateProgram(program, set, batchSize, model.classes);
  } finally {
    await program.dispose();
  }
}

/** As evaluateModel, with a program of `evaluationStep` that already holds the state. */
export async function evaluateProgram(
  program: Program,
  set: ImageSet,
  batchSize: number,
  classes: number,
): Promise<Evaluation> {
  const predictions = new Uint32Array(set.count);
  const batches = evaluationBatches(set, batchSize);
  let images = 0;
  let lossSum = 0;
  for (let batch = nextBatch(batches); batch !== undefined;) {
    const running = program.run({ images: batch.images, labels: batch.labels });
    const following = nextBatch(batches);
    await running;
    lossSum += (await program.read("loss"))[0]! * batch.count;
    predictions.set(predictedClasses(await program.read("probabilities"), batch.count, classes), images);
    images += batch.count;
    batch = following;
  }
  return { images, ...score(predictions, set.labels, classes), loss: lossSum / Math.max(1, images), predictions };
}

/** @throws DataError when images or classes are not those of the model */
export function checkFits(model: Model, set: ImageSet): void {
  const image = [set.height, set.width, set.channels];
  if (image.join() !== model.input.join())
    throw new DataError(`data: images are ${image.join("×")}, the model takes ${model.input.join("×")}`);
  if (set.classes.length > model.classes)
    throw new DataError(`data: there are ${set.classes.length} classes, the model tells ${model.classes} apart`);
}
