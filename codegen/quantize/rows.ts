import type { InferenceOp } from "../../engine/ops/vocabulary.ts";
import type { InferenceGraph, Layer, ValueId } from "../../engine/plan/inference.ts";
import type { Shape } from "../../engine/shape.ts";
import { batchNormFactors, gammaStep, unitsOf } from "./accumulators.ts";
import { activations, exp, round, unaryFunction } from "./elementary.ts";
import { lookupTable, quantizeEpilogue } from "./epilogue.ts";
import { fixedPoint } from "./fixed-point.ts";
import type { Element, Int8Element, IntegerStep, QuantizedOp, QuantizedOps, Result } from "./graph.ts";
import type { Range } from "./histogram.ts";
import { powerOfTwo } from "./powers-of-two.ts";
import { meanError, realWeights, roundWeights, valuesOf } from "./weights.ts";

export interface RowContext {
  readonly network: InferenceGraph;
  readonly output: Element;
  readonly elementFor: (id: ValueId) => Int8Element;
  readonly summand: (id: ValueId) => ValueId;
  readonly stages: readonly Range[];
  readonly means: ReadonlyMap<ValueId, Float64Array> | undefined;
}

/** What a quantised layer has besides its name, inputs and output. */
type Body = { [P in QuantizedOp]: QuantizedOps[P] & { readonly op: P } }[QuantizedOp];

type Row<K extends InferenceOp> = (layer: Layer<K>, context: RowContext) => Body;

/** Ops that have no integers, and layers with one stay in float32. */
type FloatOp = "binary" | "reduce" | "gather";

/** Every other op of a float network in integers. */
const rows: { readonly [K in Exclude<InferenceOp, FloatOp>]: Row<K> } = {
  conv2d: (layer, context) => ({
    op: "conv2d",
    attributes: layer.attributes,
    ...weighted(layer, context),
  }),
  depthwiseConv2d: (layer, context) => ({
    op: "depthwiseConv2d",
    attributes: layer.attributes,
    ...weighted(layer, context),
  }),
  matmul: (layer, context) =>
    layer.weights.length > 0
      ? { op: "matmul", attributes: layer.attributes, ...weighted(layer, context) }
      : { op: "product", attributes: layer.attributes, ...finished(layer, context) },
  batchMatmul: (layer, context) => ({
    op: "product",
    attributes: { transposeA: false, transposeB: false },
    ...finished(layer, context),
  }),
  batchNorm: (layer, context) => {
    const factors = batchNormFactors(layer);
    const [mean, , , beta] = layer.weights.map(valuesOf);
    const bias = factors.map((factor, c) => (beta === undefined ? 0 : beta[c]) - mean[c] * factor);
    return { op: "affine", weights: Int8Array.from(factors, signed), ...finished(layer, context, bias) };
  },
  bias: (layer, context) => {
    const bias = valuesOf(layer.weights[0]);
    return { op: "affine", weights: Int8Array.from(bias, () => 127), ...finished(layer, context, bias) };
  },
  layerNorm: (layer, context) => {
    const [gamma, beta] = layer.weights.map(valuesOf);
    const step = gammaStep(layer);
    const channels = context.network.values[layer.output].shape.at(-1)!;
    const { scale } = context.elementFor(layer.inputs[0]);
    return {
      op: "layerNorm",
      gamma: Int16Array.from(gamma ?? [1], (value) => round(value / step)),
      epsilon: round((channels * channels * layer.attributes.epsilon) / (scale * scale)),
      ...finished(layer, context, beta),
    };
  },
  add: (layer, context) => {
    const [unit] = unitsOf(layer, (id) => context.elementFor(id).scale, context.network);
    const [a, b] = layer.inputs.map((id) => round(context.elementFor(id).scale / unit));
    return { op: "add", factors: [a, b], ...finished(layer, context) };
  },
  multiply: (layer, context) => ({ op: "multiply", ...finished(layer, context) }),
  averagePool: (layer, context) => ({
    op: "averagePool",
    attributes: layer.attributes,
    ...finished(layer, context),
  }),
  mixPool: (layer, context) => ({ op: "mixPool", attributes: layer.attributes, ...finished(layer, context) }),
  globalAveragePool: (layer, context) => ({ op: "globalAveragePool", ...finished(layer, context) }),
  softmax: ({ name, inputs: [x], output }, { network, elementFor }) => {
    const channels = network.values[output].shape.at(-1)!;
    const { scale } = elementFor(x);
    let peak = 2 ** 15;
    while (channels * peak >= 2 ** 31) peak /= 2;
    return {
      op: "softmax",
      exponentials: Uint16Array.from({ length: 256 }, (_, distance) => round(peak * exp(-scale * distance))),
      result: normalized(name, 1, elementFor(output)),
    };
  },
  attention: ({ name, inputs: [q, k, v], output, attributes: { heads, scale } }, { network, elementFor }) => {
    const [, tokens] = network.values[q].shape;
    let weightShift = 0;
    while (tokens * 255 * (32767 >> weightShift) >= 2 ** 31) weightShift++;
    const octavesPerScore = elementFor(q).scale * elementFor(k).scale * scale * Math.LOG2E;
    const { multipliers, shift } = fixedPoint(name, [octavesPerScore * 256]);
    return {
      op: "attention",
      heads,
      exponent: { multiplier: multipliers[0], shift },
      weightShift,
      result: normalized(name, elementFor(v).scale, elementFor(output)),
    };
  },
  linearAttention: ({ name, inputs: [q, k, v], output, attributes: { heads, epsilon } }, { network, elementFor }) => {
    const [, tokens, channels] = network.values[q].shape;
    const d = channels / heads;
    const leastShift = (largest: number): number => {
      let shift = 0;
      while (d * 255 * (largest / powerOfTwo(shift) + 1) >= 2 ** 30) shift++;
      return shift;
    };
    const productShift = leastShift(tokens * 255 * 255);
    const totalShift = leastShift(tokens * 255);
    const unit = elementFor(q).scale * elementFor(k).scale * powerOfTwo(totalShift);
    const result = normalized(name, elementFor(v).scale * powerOfTwo(productShift - totalShift), elementFor(output));
    return {
      op: "linearAttention",
      heads,
      productShift,
      totalShift,
      epsilon: Math.min(2 ** 30, round(epsilon / unit)),
      leastTotal: powerOfTwo(Math.max(0, 48 - result.shift)),
      result,
    };
  },
  relu: (layer, context) => lookup(layer, context, activations.relu),
  gelu: (layer, context) => lookup(layer, context, activations.gelu),
  sigmoid: (layer, context) => lookup(layer, context, activations.sigmoid),
  hardSwish: (layer, context) => lookup(layer, context, activations.hardSwish),
  unary: (layer, context) => lookup(layer, context, unaryFunction(layer.attributes)),
  scale: (layer, context) => lookup(layer, context, (x) => layer.attributes.factor * x),
  maxPool: ({ attributes }) => ({ op: "maxPool", attributes }),
  concat: ({ attributes }) => ({ op: "concat", attributes }),
  slice: ({ attributes }) => ({ op: "slice", attributes }),
  pad: ({ attributes, output }, { elementFor }) => ({
    op: "pad",
    attributes,
    cell: roundCells([attributes.value], elementFor(output))[0],
  }),
  reshape: ({ attributes }) => ({ op: "reshape", attributes }),
  transpose: ({ attributes }) => ({ op: "transpose", attributes }),
};

/** Whether a layer can be computed in integers. */
export function hasIntegers({ op }: Layer): boolean {
  return op in rows;
}

export function quantizeLayer(layer: Layer, context: RowContext): Body {
  return (rows as unknown as { readonly [op: string]: Row<InferenceOp> })[layer.op](layer, context);
}

/** Real values as cells. */
export function roundCells(values: ArrayLike<number>, { scale, zero, low, high }: Int8Element): Int8Array {
  return Int8Array.from(values, (value) => Math.max(low, Math.min(high, round(value / scale) + zero)));
}

function weighted(
  layer: Layer,
  context: RowContext,
): { weights: Int8Array; weightShape: readonly number[]; epilogue: IntegerStep[]; result: Result } {
  const { scale } = context.elementFor(layer.inputs[0]);
  const scales = unitsOf(layer, (id) => context.elementFor(id).scale, context.network).map((unit) => unit / scale);
  const weights = roundWeights(layer, scales);
  const means = context.means?.get(layer.inputs[0]);
  const shapeOf = (id: ValueId): Shape => context.network.values[id].shape;
  const transposedInput = layer.op === "matmul" && (layer as Layer<"matmul">).attributes.transposeA;
  const correction =
    means === undefined || transposedInput
      ? undefined
      : meanError(
          layer,
          realWeights(layer, weights, scales),
          means,
          shapeOf(layer.inputs[0]),
          shapeOf(layer.output),
        ).map((error) => -error);
  return { weights, weightShape: layer.weights[0].shape, ...finished(layer, context, correction) };
}

function finished(
  layer: Layer,
  context: RowContext,
  bias?: ArrayLike<number>,
): { epilogue: IntegerStep[]; result: Result } {
  const units = unitsOf(layer, (id) => context.elementFor(id).scale, context.network);
  return quantizeEpilogue(layer, { ...context, units, ...(bias === undefined ? {} : { bias }) });
}

/** `scale` real units of the sums over the total, as cells of y. */
function normalized(layer: string, scale: number, y: Int8Element): Result & { type: "int8" } {
  const { low, high, zero } = y;
  return { type: "int8", ...fixedPoint(layer, [scale / y.scale / 2 ** 15], 47), zero, low, high };
}

function lookup(
  { inputs: [x], output }: Pick<Layer, "inputs" | "output">,
  { elementFor }: RowContext,
  f: (x: number) => number,
): Body {
  return { op: "lookup", table: lookupTable(f, elementFor(x), elementFor(output)) };
}

/** ±127 */
function signed(factor: number): number {
  return factor < 0 ? -127 : 127;
}
