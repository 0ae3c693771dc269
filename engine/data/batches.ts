import { ConfigError } from "../errors.ts";
import { randomBits, randomPermutation, streams } from "../random.ts";
import type { AugmentImage, Augmentation } from "./augment/augmentation.ts";
import type { Batch, ImageSet, Normalization } from "./image-set.ts";
import { imageAt, imageBytes } from "./select.ts";

export interface TrainingBatchOptions {
  readonly batchSize: number;
  /** Its mean is the colour of what comes into view from outside an image. */
  readonly normalization: Normalization;
  readonly seed: number;
  /** From 0. */
  readonly epoch: number;
  /** The epoch to end before; default: after `epoch`. */
  readonly until?: number;
  /** Applied in order; none by default. */
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
  checkBatchSize(batchSize);
  const batches = trainingBatchCount(set, batchSize);
  if (batches === 0)
    throw new ConfigError(`training: the batch size ${batchSize} is larger than the ${set.count} training images`);
  const size = imageBytes(set);
  const buffers = [0, 1].map(() => createBuffer(batchSize, size));
  const fill = Uint8Array.from(normalization.mean, (mean) => Math.round(mean * 255));
  const steps = augment.map((augmentation) => augmentation.prepare(set, fill));
  const spare = new Uint8Array(size);
  let from = options.from ?? 0;
  for (let epoch = options.epoch, turn = 0; epoch < until; epoch++, from = 0) {
    const order = randomPermutation(set.count, seed, streams.shuffle, epoch);
    for (let batch = from; batch < batches; batch++, turn ^= 1) {
      const { images, labels, rows } = buffers[turn]!;
      for (let row = 0; row < batchSize; row++) {
        const index = order[batch * batchSize + row]!;
        labels[row] = set.labels[index]!;
        rows[row]!.set(imageAt(set, index));
        augmentImage(rows[row]!, spare, steps, seed, epoch, index);
      }
      yield { images, labels, count: batchSize };
    }
  }
}

function augmentImage(
  image: Uint8Array,
  spare: Uint8Array,
  steps: readonly AugmentImage[],
  seed: number,
  epoch: number,
  index: number,
): void {
  let [current, other] = [image, spare];
  for (let step = 0; step < steps.length; step++) {
    const result = steps[step]!(current, other, randomBits(seed, streams.augment, epoch, index, step));
    if (result === other) [current, other] = [other, current];
  }
  if (current !== image) image.set(current);
}

/** The next batch, if there is one. */
export function nextBatch(batches: Iterator<Batch>): Batch | undefined {
  const result = batches.next();
  return result.done ? undefined : result.value;
}

/** All images in order, not augmented. The last batch is padded with zeros whose label is −1. */
export function* evaluationBatches(set: ImageSet, batchSize: number): Generator<Batch, void, undefined> {
  checkBatchSize(batchSize);
  const size = imageBytes(set);
  for (let start = 0; start < set.count; start += batchSize) {
    const count = Math.min(batchSize, set.count - start);
    const labels = new Float32Array(batchSize).fill(-1);
    labels.set(set.labels.subarray(start, start + count));
    let images = set.images.subarray(start * size, (start + count) * size);
    if (count < batchSize) {
      const padded = new Uint8Array(batchSize * size);
      padded.set(images);
      images = padded;
    }
    yield { images, labels, count };
  }
}

function checkBatchSize(batchSize: number): void {
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new ConfigError(`batches: the batch size must be a positive integer, got ${batchSize}`);
}

/** Room for a batch, with a view of each image. */
function createBuffer(batchSize: number, size: number) {
  const images = new Uint8Array(batchSize * size);
  const rows = Array.from({ length: batchSize }, (_, row) => images.subarray(row * size, (row + 1) * size));
  return { images, labels: new Float32Array(batchSize), rows };
}
