import type { Attributes, InferenceOp } from "../../engine/ops/vocabulary.ts";
import type { InferenceGraph, Layer, ValueId } from "../../engine/plan/inference.ts";
import { elementCount } from "../../engine/shape.ts";
import { valuesOf, weightScales } from "./weights.ts";

/** Scales of int8 values. */
export type ScaleOf = (value: ValueId) => number;

/** The real value of 1 in the accumulator of a layer, for each channel or a single one for all. */
type Units<K extends InferenceOp> = (layer: Layer<K>, scaleOf: ScaleOf, network: InferenceGraph) => ArrayLike<number>;

const weighted = <K extends InferenceOp>(layer: Layer<K>, scaleOf: ScaleOf): Float64Array => {
  const scale = scaleOf(layer.inputs[0]);
  const summand = firstSummand(layer);
  const scales = weightScales(layer, scale, summand === undefined ? undefined : scaleOf(summand));
  return scales.map((each) => each * scale);
};

const window = <K extends "averagePool" | "mixPool">({ attributes }: Layer<K>): number => {
  const { kernel } = attributes as Attributes<"averagePool">;
  return kernel[0] * kernel[1];
};

const factors = <K extends InferenceOp>({ inputs: [a, b] }: Layer<K>, scaleOf: ScaleOf): number =>
  scaleOf(a) * scaleOf(b);

/** Ops that give sums with an epilogue. */
const units = {
  conv2d: weighted,
  depthwiseConv2d: weighted,
  matmul: (layer, scaleOf) => (layer.weights.length > 0 ? weighted(layer, scaleOf) : [factors(layer, scaleOf)]),
  batchMatmul: (layer, scaleOf) => [factors(layer, scaleOf)],
  batchNorm: (layer, scaleOf) =>
    batchNormFactors(layer).map((factor) => (Math.abs(factor) / 127 || 2 ** -20) * scaleOf(layer.inputs[0])),
  bias: ({ inputs: [x] }, scaleOf) => [scaleOf(x) / 127],
  add: ({ inputs }, scaleOf) => [Math.max(...inputs.map(scaleOf)) / 2 ** 20],
  multiply: (layer, scaleOf) => [factors(layer, scaleOf)],
  averagePool: (layer, scaleOf) => [scaleOf(layer.inputs[0]) / window(layer)],
  mixPool: (layer, scaleOf) => [scaleOf(layer.inputs[0]) / (2 * window(layer))],
  globalAveragePool: ({ inputs: [x], output }, scaleOf, { values }) => [
    (scaleOf(x) * elementCount(values[output].shape)) / elementCount(values[x].shape),
  ],
  layerNorm: (layer) => [gammaStep(layer) / 4096],
} satisfies { [K in InferenceOp]?: Units<K> };

export function accumulates(op: InferenceOp): op is keyof typeof units {
  return op in units;
}

export function unitsOf(layer: Layer, scaleOf: ScaleOf, network: InferenceGraph): number[] {
  return Array.from((units as { [op: string]: Units<InferenceOp> })[layer.op](layer, scaleOf, network));
}

/** The summand of which the accumulator's unit is a whole part. */
export function firstSummand({ epilogue }: Layer): ValueId | undefined {
  const step = epilogue.find(({ kind }) => kind !== "bias" && kind !== "relu");
  return step?.kind === "add" ? step.value : undefined;
}

/** γ / √(σ² + ε) */
export function batchNormFactors({ weights, attributes }: Layer<"batchNorm">): Float64Array {
  const [, variance, gamma] = weights;
  return Float64Array.from(
    valuesOf(variance),
    (value, c) => (gamma ? valuesOf(gamma)[c] : 1) / Math.sqrt(value + attributes.epsilon),
  );
}

/** Real value of 1 in the integers of gamma. */
export function gammaStep({ weights: [gamma] }: Layer<"layerNorm">): number {
  return gamma ? Math.max(...valuesOf(gamma).map(Math.abs)) / 8191 || 1 : 1;
}
