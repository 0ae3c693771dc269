import type { Normalization } from "../data/image-set.ts";
import { normalizationTable } from "../data/normalization.ts";
import { grad } from "../grad.ts";
import { buildGraph, type Graph } from "../graph.ts";
import type { Model } from "../model.ts";
import { crossEntropy } from "../ops/cross-entropy.ts";
import { sumOfSquares } from "../ops/reduce.ts";
import { foldBatchNorms } from "../plan/fold.ts";
import { byteInput, input, readSlot, recordOne } from "../record.ts";
import type { Tensor } from "../tensor.ts";
import type { Optimizer } from "./optimizers.ts";
import { averageUpdates, type WeightAverageOptions } from "./weight-average.ts";

export interface TrainingStepOptions {
  readonly batchSize: number;
  /** `images` are bytes, which become normalised values; without it they are values already. */
  readonly normalization?: Normalization;
  readonly optimizer: Optimizer;
  /** Label smoothing. Default 0. */
  readonly smoothing?: number;
  /** Largest norm of the whole gradient; none by default. */
  readonly clipNorm?: number | undefined;
  /** Also keep an average of the weights; none by default. */
  readonly ema?: WeightAverageOptions | undefined;
  /** Also give every parameter's gradient as output `gradient:NAME`. Default false. */
  readonly keepGradients?: boolean;
}

/**
 * One training step as one graph: forward, backward, clipping, optimiser, averages and running statistics.
 * Inputs `images` [n,h,w,c], `labels` [n], `learningRate` [], `step` [] (from 1), and `seed` [2] if there is dropout;
 * outputs `loss` [] and `probabilities` [n,classes] of the batch before the update.
 */
export function trainingStep(model: Model, options: TrainingStepOptions): Graph {
  const { batchSize, optimizer, smoothing = 0, clipNorm, ema, keepGradients = false } = options;
  const images = imageInput(model, batchSize, options.normalization);
  const labels = input("labels", [batchSize]);
  const { y, assigns } = model.record(images, { training: true });
  const { loss, probabilities } = crossEntropy(y, labels, { smoothing });

  const { parameters } = model;
  const gradients = grad(loss, parameters.map(readSlot));
  const gradientFactor =
    clipNorm === undefined ? undefined : recordOne("clipFactor", [sumOfSquares(gradients)], { maxNorm: clipNorm });
  const stepInputs = { learningRate: input("learningRate", []), step: input("step", []), gradientFactor };
  const updates = parameters.flatMap((slot, index) => optimizer.update(slot, gradients[index]!, stepInputs));
  const averages = ema === undefined ? [] : averageUpdates(updates, stepInputs.step, ema);
  const kept = keepGradients
    ? Object.fromEntries(parameters.map((slot, index) => [`gradient:${slot.name}`, gradients[index]!]))
    : {};
  return buildGraph({ loss, probabilities, ...kept }, [...assigns, ...updates, ...averages]);
}

/**
 * Evaluation of one batch, batch norms folded: inputs `images`, bytes, and `labels` (−1 masks a row); outputs `loss` []
 * and `probabilities` [n,classes].
 */
export function evaluationStep(model: Model, batchSize: number, normalization: Normalization): Graph {
  const images = imageInput(model, batchSize, normalization);
  const labels = input("labels", [batchSize]);
  const { y } = model.record(images, { training: false });
  const { loss, probabilities } = crossEntropy(y, labels);
  return foldBatchNorms(buildGraph({ loss, probabilities }));
}

function imageInput({ input: image }: Model, batchSize: number, normalization: Normalization | undefined): Tensor {
  const shape = [batchSize, ...image];
  return normalization ? byteInput("images", shape, normalizationTable(normalization)) : input("images", shape);
}
