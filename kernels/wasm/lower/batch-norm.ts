import type { OpNode } from "../../../engine/record.ts";
import { double, type Emitter, type Lowering } from "../emitter.ts";
import { chunks, expanded, periods } from "./channels.ts";

export const batchNorm: Lowering<"batchNorm"> = (node, emit) => inference(node, emit, "batchNormApply");

/** With the relu that follows. */
export const batchNormRelu: Lowering<"batchNorm"> = (node, emit) => inference(node, emit, "batchNormReluApply");

export const batchNormTraining: Lowering<"batchNormTraining"> = (node, emit) => training(node, emit, "batchNormApply");

/** With the relu that follows: output 0 is the relu's. */
export const batchNormTrainingRelu: Lowering<"batchNormTraining"> = (node, emit) =>
  training(node, emit, "batchNormReluApply");

function inference(
  { inputs, attributes }: OpNode<"batchNorm">,
  emit: Emitter,
  apply: "batchNormApply" | "batchNormReluApply",
): void {
  const { count, channels, period } = periods(inputs[0]!.shape);
  const table = emit.scratch(4 * 2 * period);
  const affine = inputs.length > 3 ? [emit.input(3), emit.input(4)] : [0, 0];
  const statistics = [emit.input(1), emit.input(2), ...affine];
  emit.step("batchNormTable", [table, ...statistics, channels, period, ...double(attributes.epsilon)]);
  emit.step(apply, [emit.output(0), emit.input(0), table, count, period]);
}

function training(
  { inputs, attributes }: OpNode<"batchNormTraining">,
  emit: Emitter,
  apply: "batchNormApply" | "batchNormReluApply",
): void {
  const { count, channels, period } = periods(inputs[0]!.shape);
  const x = emit.input(0);
  const partials = emit.scratch(4 * chunks * 2 * period);
  const table = emit.scratch(4 * 2 * period);
  const affine = inputs.length > 1 ? [emit.input(1), emit.input(2)] : [0, 0];
  emit.step("batchNormMoments", [partials, x, count, period]);
  emit.step("batchNormStatistics", [
    ...[emit.output(1), emit.output(2), table, partials, x, ...affine],
    ...[count, channels, period, ...double(attributes.epsilon)],
  ]);
  emit.step(apply, [emit.output(0), x, table, count, period]);
}

export const batchNormTrainingGradient: Lowering<"batchNormTrainingGradient"> = (node, emit) =>
  gradient(node, emit, false);

/** With the gradient of the relu that followed; beta, when there is one, is a further input after gamma. */
export const batchNormTrainingReluGradient: Lowering<"batchNormTrainingGradient"> = (node, emit) =>
  gradient(node, emit, true);

function gradient(
  { inputs, attributes }: OpNode<"batchNormTrainingGradient">,
  emit: Emitter,
  rectified: boolean,
): void {
  const sizes = periods(inputs[1]!.shape);
  const { count, channels, period } = sizes;
  const [dy, x, mean, variance] = [emit.input(0), emit.input(1), emit.input(2), emit.input(3)];
  const affine = inputs.length > 4;
  const gamma = affine ? emit.input(4) : 0;
  const epsilon = double(attributes.epsilon);
  const partials = emit.scratch(4 * chunks * 2 * period);
  const table = emit.scratch(4 * 3 * period);
  const forward = rectified ? emit.scratch(4 * 2 * period) : 0;
  if (rectified) {
    const beta = affine ? emit.input(5) : 0;
    emit.step("batchNormTable", [forward, mean, variance, gamma, beta, channels, period, ...epsilon]);
  }
  const means = expanded(emit, mean, sizes);
  const products = rectified ? "batchNormReluProducts" : "batchNormProducts";
  emit.step(products, [partials, dy, x, means, forward, count, period]);
  emit.step("batchNormGradientTable", [
    ...[table, affine ? emit.output(1) : 0, affine ? emit.output(2) : 0, partials, mean, variance],
    ...[gamma, count, channels, period, ...epsilon],
  ]);
  const apply = rectified ? "batchNormReluGradientApply" : "batchNormGradientApply";
  emit.step(apply, [emit.output(0), dy, x, table, forward, count, period]);
}
