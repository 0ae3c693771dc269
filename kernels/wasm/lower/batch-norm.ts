import { Tensor } from "../../../engine/tensor.ts";
import { double } from "../emitter.ts";
import type { Decomposition, Parts } from "../parts.ts";
import { Value } from "../values.ts";
import { periods, sumChunks, type Periods } from "./channels.ts";

/** What a normalisation of a batch computed for its channels, by its mean. */
interface Forward {
  readonly x: Value;
  readonly variance: Value;
  readonly gamma: Value | undefined;
  readonly epsilon: number;
  readonly table: Value;
}
const forwards = new WeakMap<Value, Forward>();

/** Scale, shift and mean of each channel, repeated to fill a period. */
function emitTable(
  parts: Parts,
  inputs: readonly Value[],
  affine: { readonly gamma: boolean; readonly beta: boolean },
  { channels, period }: Periods,
  epsilon: number,
): Value {
  const table = new Value(3 * period);
  parts.kernel({
    ...{ inputs, outputs: [table] },
    lower: (emit) =>
      emit.step("batchNormTable", [
        ...[emit.output(0), emit.input(0), emit.input(1)],
        ...[affine.gamma ? emit.input(2) : 0, affine.beta ? emit.input(3) : 0],
        ...[channels, period, ...double(epsilon)],
      ]),
  });
  return table;
}

export const batchNorm: Decomposition<"batchNorm"> = (node, parts) => {
  const [x, ...statistics] = node.inputs.map((tensor) => parts.value(tensor));
  const sizes = periods(node.inputs[0]!.shape);
  const affine = statistics.length > 2;
  const { epsilon } = node.attributes;
  const table = emitTable(parts, statistics, { gamma: affine, beta: affine }, sizes, epsilon);
  const output = parts.value(new Tensor(node, 0));
  parts.map({ op: "affine", inputs: [x!], table, periods: sizes, output });
};

export const batchNormTraining: Decomposition<"batchNormTraining"> = (node, parts) => {
  const [x, gamma, beta] = node.inputs.map((tensor) => parts.value(tensor));
  const [y, mean, variance] = node.shapes.map((_, output) => parts.value(new Tensor(node, output)));
  const sizes = periods(node.inputs[0]!.shape);
  const { count, channels, period } = sizes;
  const { epsilon } = node.attributes;
  const partials = parts.reduce({ op: "moments", inputs: [x!], periods: sizes });
  const table = new Value(3 * period);
  const affine = gamma && beta ? [gamma, beta] : [];
  parts.kernel({
    ...{ inputs: [partials, ...affine], outputs: [mean!, variance!, table] },
    lower: (emit) =>
      emit.step("batchNormStatistics", [
        ...[emit.output(0), emit.output(1), emit.output(2), emit.input(0), sumChunks],
        ...(affine.length > 0 ? [emit.input(1), emit.input(2)] : [0, 0]),
        ...[count / channels, channels, period, ...double(epsilon)],
      ]),
  });
  forwards.set(mean!, { x: x!, variance: variance!, gamma, epsilon, table });
  parts.map({ op: "affine", inputs: [x!], table, periods: sizes, output: y! });
};

export const batchNormTrainingGradient: Decomposition<"batchNormTrainingGradient"> = (node, parts) => {
  const [dy, x, mean, variance, gamma] = node.inputs.map((tensor) => parts.value(tensor));
  const [dx, dgamma, dbeta] = node.shapes.map((_, output) => parts.value(new Tensor(node, output)));
  const sizes = periods(node.inputs[1]!.shape);
  const { count, channels, period } = sizes;
  const { epsilon } = node.attributes;
  const scale = gamma ? [gamma] : [];
  const statistics = [mean!, variance!, ...scale];
  const forward = forwards.get(mean!);
  const same = forward?.x === x && forward?.variance === variance && forward?.gamma === gamma;
  const known = same && forward?.epsilon === epsilon ? forward.table : undefined;
  const affine = { gamma: gamma !== undefined, beta: false };
  const centre = known ?? emitTable(parts, statistics, affine, sizes, epsilon);
  const partials = parts.reduce({
    ...{ op: "products", inputs: [dy!, x!], table: centre, periods: sizes },
  });
  const table = new Value(3 * period);
  parts.kernel({
    ...{ inputs: [partials, ...statistics] },
    outputs: [table, ...(dgamma && dbeta ? [dgamma, dbeta] : [])],
    lower: (emit) =>
      emit.step("batchNormGradientTable", [
        ...[emit.output(0), ...(gamma ? [emit.output(1), emit.output(2)] : [0, 0])],
        ...[emit.input(0), sumChunks, emit.input(1), emit.input(2), gamma ? emit.input(3) : 0],
        ...[count / channels, channels, period, ...double(epsilon)],
      ]),
  });
  parts.map({ op: "affineGradient", inputs: [dy!, x!], table, periods: sizes, output: dx! });
};
