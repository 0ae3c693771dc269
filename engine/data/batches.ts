import { ConfigError } from "../errors.ts";
import { randomBits, randomPermutation, streams } from "../random.ts";
import type { AugmentImage, Augmentation } from "./augment/augmentation.ts";
import type { Batch, ImageSet, Normalization } from "./image-set.ts";
import { normalizationTable, normalizeBytes } from "./normalization.ts";
import { imageBytes } from "./select.ts";

export interface EvaluationBatchOptions {
  readonly batchSize: number;
  readonly normalization: Normalization;
}

export interface TrainingBatchOptions extends EvaluationBatchOptions {
  readonly seed: number;
  /** From 0. */
  readonly epoch: number;
  /** The epoch to end before; default: after `epoch`. */
  readonly until?: number;
  /** Applied in order before normalisation; none by default. */
  readonly augment?: readonly Augmentation[];
  /** The batch to start at, for resuming inside an epoch; default 0. */
  readonly from?: number;
}

/** Whole batches of one epoch; the images that remain are left out. */
export function trainingBatchCount(set: ImageSet, batchSize: number): number {
  return Math.floor(set.count / batchSize);
}

/**
 * Epochs in random orders, without the last partial batch of each. Order and augmentation are pure functions of seed,
 * epoch and image number, so starting `from` a later batch gives the same batches.
 *
 * Two buffers take turns: a batch stays valid until the next but one is drawn.
 *
 * @throws ConfigError when not even one batch fits
 */
export function* trainingBatches(set: ImageSet, options: TrainingBatchOptions): Generator<Batch, void, undefined> {
  const { batchSize, normalization, seed, augment = [], until = options.epoch + 1 } = options;
  const buffers = createBuffers(set, batchSize);
  const batches = trainingBatchCount(set, batchSize);
  if (batches === 0)
    throw new ConfigError(`training: the batch size ${batchSize} is larger than the ${set.count} training images`);
  const size = imageBytes(set);
  const table = normalizationTable(normalization);
  const fill = Uint8Array.from(normalization.mean, (mean) => Math.round(mean * 255));
  const steps = augment.map((augmentation) => augmentation.prepare(set, fill));
  const scratch: [Uint8Array, Uint8Array] = [new Uint8Array(size), new Uint8Array(size)];
  let from = options.from ?? 0;
  for (let epoch = options.epoch, turn = 0; epoch < until; epoch++, from = 0) {
    const order = randomPermutation(set.count, seed, streams.shuffle, epoch);
    for (let batch = from; batch < batches; batch++, turn ^= 1) {
      const { images, labels } = buffers[turn]!;
      for (let row = 0; row < batchSize; row++) {
        const index = order[batch * batchSize + row]!;
        labels[row] = set.labels[index]!;
        if (steps.length === 0) normalizeBytes(images, row * size, set.images, index * size, size, table);
        else {
          const image = augmentImage(set.images, index * size, scratch, steps, seed, epoch, index);
          normalizeBytes(images, row * size, image, 0, size, table);
        }
      }
      yield { images, labels, count: batchSize };
    }
  }
}

function augmentImage(
  images: Uint8Array,
  at: number,
  scratch: readonly [Uint8Array, Uint8Array],
  steps: readonly AugmentImage[],
  seed: number,
  epoch: number,
  index: number,
): Uint8Array {
  let [image, spare] = scratch;
  image.set(images.subarray(at, at + image.length));
  for (let step = 0; step < steps.length; step++) {
    const result = steps[step]!(image, spare, randomBits(seed, streams.augment, epoch, index, step));
    if (result === spare) [image, spare] = [spare, image];
  }
  return image;
}

/** The next batch, if there is one. */
export function nextBatch(batches: Iterator<Batch>): Batch | undefined {
  const result = batches.next();
  return result.done ? undefined : result.value;
}

/**
 * All images in order, not augmented. The last batch is padded with zeros whose label is −1. Two buffers take turns,
 * as in training.
 */
export function* evaluationBatches(
  set: ImageSet,
  { batchSize, normalization }: EvaluationBatchOptions,
): Generator<Batch, void, undefined> {
  const buffers = createBuffers(set, batchSize);
  const size = imageBytes(set);
  const table = normalizationTable(normalization);
  for (let start = 0, turn = 0; start < set.count; start += batchSize, turn ^= 1) {
    const { images, labels } = buffers[turn]!;
    const count = Math.min(batchSize, set.count - start);
    normalizeBytes(images, 0, set.images, start * size, count * size, table);
    images.fill(0, count * size);
    for (let row = 0; row < batchSize; row++) labels[row] = row < count ? set.labels[start + row]! : -1;
    yield { images, labels, count };
  }
}

function createBuffers(set: ImageSet, batchSize: number): { images: Float32Array; labels: Float32Array }[] {
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new ConfigError(`batches: the batch size must be a positive integer, got ${batchSize}`);
  return [0, 1].map(() => ({
    images: new Float32Array(batchSize * imageBytes(set)),
    labels: new Float32Array(batchSize),
  }));
}
