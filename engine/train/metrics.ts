import type { Batch } from "../data/image-set.ts";

/** One epoch of training; `null` where nothing was measured. Losses are means, accuracies fractions. */
export interface EpochMetrics {
  /** From 1. */
  readonly epoch: number;
  /** Steps done since the beginning. */
  readonly step: number;
  /** Rate of the epoch's last step. */
  readonly learningRate: number;
  readonly trainLoss: number;
  readonly trainAccuracy: number;
  readonly validationLoss: number | null;
  readonly validationAccuracy: number | null;
  /** Wall time of the training part. */
  readonly seconds: number;
  /** Training part, input pipeline included. */
  readonly imagesPerSecond: number;
}

/** Running sums over batches. */
export interface Tally {
  images: number;
  lossSum: number;
  correct: number;
}

export function emptyTally(): Tally {
  return { images: 0, lossSum: 0, correct: 0 };
}

/** The class with the largest score of each row [rows,classes]; the lowest number wins a tie. */
export function predictedClasses(scores: ArrayLike<number>, rows: number, classes: number): Uint32Array {
  const predictions = new Uint32Array(rows);
  for (let row = 0; row < rows; row++) {
    let best = row * classes;
    for (let index = best + 1; index < (row + 1) * classes; index++) if (scores[index]! > scores[best]!) best = index;
    predictions[row] = best - row * classes;
  }
  return predictions;
}

/** The same of one image. */
export function predictedClass(scores: ArrayLike<number>): number {
  return predictedClasses(scores, 1, scores.length)[0]!;
}

/** What became of images whose classes are known. */
export interface Score {
  /** 0 … 1 */
  readonly accuracy: number;
  /** confusion[label][prediction], counts */
  readonly confusion: readonly (readonly number[])[];
}

/** Compares the class that each image was taken for with the one that it has. */
export function score(predictions: ArrayLike<number>, labels: ArrayLike<number>, classes: number): Score {
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let image = 0; image < predictions.length; image++) confusion[labels[image]!]![predictions[image]!]!++;
  const correct = confusion.reduce((sum, row, label) => sum + row[label]!, 0);
  return { accuracy: correct / Math.max(1, predictions.length), confusion };
}

/** Adds a batch whose mean loss and scores [n, classes] are known. */
export function tallyBatch(tally: Tally, batch: Batch, loss: number, scores: Float32Array): void {
  const predictions = predictedClasses(scores, batch.count, scores.length / batch.labels.length);
  tally.images += batch.count;
  tally.lossSum += loss * batch.count;
  predictions.forEach((prediction, row) => {
    if (prediction === batch.labels[row]) tally.correct++;
  });
}
