import { double, type Lowering } from "../emitter.ts";
import { chunks, expanded, periods } from "./channels.ts";

export const batchNorm: Lowering<"batchNorm"> = ({ inputs, attributes }, emit) => {
  const { count, channels, period } = periods(inputs[0]!.shape);
  const table = emit.scratch(4 * 2 * period);
  const affine = inputs.length > 3 ? [emit.input(3), emit.input(4)] : [0, 0];
  const statistics = [emit.input(1), emit.input(2), ...affine];
  emit.step("batchNormTable", [table, ...statistics, channels, period, ...double(attributes.epsilon)]);
  emit.step("batchNormApply", [emit.output(0), emit.input(0), table, count, period]);
};

export const batchNormTraining: Lowering<"batchNormTraining"> = ({ inputs, attributes }, emit) => {
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
  emit.step("batchNormApply", [emit.output(0), x, table, count, period]);
};

export const batchNormTrainingGradient: Lowering<"batchNormTrainingGradient"> = ({ inputs, attributes }, emit) => {
  const sizes = periods(inputs[1]!.shape);
  const { count, channels, period } = sizes;
  const [dy, x, mean, variance] = [emit.input(0), emit.input(1), emit.input(2), emit.input(3)];
  const affine = inputs.length > 4;
  const partials = emit.scratch(4 * chunks * 2 * period);
  const table = emit.scratch(4 * 3 * period);
  emit.step("batchNormProducts", [partials, dy, x, expanded(emit, mean, sizes), count, period]);
  emit.step("batchNormGradientTable", [
    ...[table, affine ? emit.output(1) : 0, affine ? emit.output(2) : 0, partials, mean, variance],
    ...[affine ? emit.input(4) : 0, count, channels, period, ...double(attributes.epsilon)],
  ]);
  emit.step("batchNormGradientApply", [emit.output(0), dy, x, table, count, period]);
};
