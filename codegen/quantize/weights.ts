import { ConfigError } from "../../engine/errors.ts";
import type { Attributes, Dilated, InferenceOp } from "../../engine/ops/vocabulary.ts";
import type { Layer, Weights } from "../../engine/plan/inference.ts";
import type { Shape } from "../../engine/shape.ts";
import { round } from "./elementary.ts";
import { windowsOf } from "./interpreter/windows.ts";

/** Trained values, each read once: a folded batch norm is computed whenever it is asked for. */
const read = new WeakMap<Weights, Float32Array>();

export function valuesOf(weights: Weights): Float32Array {
  const values = read.get(weights) ?? weights.values();
  read.set(weights, values);
  return values;
}

/** Whether a row of the weights is an output channel, in place of a column. */
export function isTransposed({ op, attributes }: Layer): boolean {
  return op === "matmul" && (attributes as Attributes<"matmul">).transposeB;
}

/** The output channels of trained weights, and that of each of them. */
function channelsOf(layer: Layer): { channels: number; of: (index: number) => number } {
  const { shape } = layer.weights[0];
  if (!isTransposed(layer)) {
    const channels = shape.at(-1)!;
    return { channels, of: (index) => index % channels };
  }
  const [channels, k] = shape;
  return { channels, of: (index) => Math.floor(index / k) };
}

/** Sum of the biases that follow the op before anything else. */
function firstBiases(layer: Layer, channels: number): Float64Array {
  const sums = new Float64Array(channels);
  for (const step of layer.epilogue) {
    if (step.kind !== "bias") break;
    valuesOf(step.weights).forEach((value, c) => (sums[c] += value));
  }
  return sums;
}

/** The largest |w| of each output channel. */
export function largestWeights(layer: Layer): Float64Array {
  const { channels, of } = channelsOf(layer);
  const largest = new Float64Array(channels);
  valuesOf(layer.weights[0]).forEach((value, index) => {
    largest[of(index)] = Math.max(largest[of(index)], Math.abs(value));
  });
  return largest;
}

const stepsOfWeights = new WeakMap<Weights, Uint8Array>();

/** How far a multiple of a step may be from whole. */
const nearlyWhole = 1e-4;

/**
 * In how many steps the largest weight of each output channel is reached: 127, or the most below with which all weights
 * of the channel are whole, as those of a model are that was quantised elsewhere.
 */
function weightSteps(layer: Layer, largest: Float64Array): Uint8Array {
  const [weights] = layer.weights;
  const known = stepsOfWeights.get(weights);
  if (known !== undefined) return known;
  const { of } = channelsOf(layer);
  const channels = Array.from(largest, (): number[] => []);
  valuesOf(weights).forEach((value, index) => channels[of(index)].push(value));
  const counts = Uint8Array.from(channels, (values, c) => {
    for (let steps = 127; steps > 1; steps--) {
      const step = largest[c] / steps;
      if (values.every((value) => Math.abs(value / step - Math.round(value / step)) < nearlyWhole)) return steps;
    }
    return 127;
  });
  stepsOfWeights.set(weights, counts);
  return counts;
}

/** The least that a factor of a fused sum may be. */
export const leastFactor = 16;

/** Real value of a weight of 1, for each channel. @param summand scale of the first summand of the epilogue */
export function weightScales(layer: Layer, scaleOfX: number, summand: number | undefined): Float64Array {
  const largest = largestWeights(layer);
  const least = Math.max(...largest) / 127 / 2 ** 16;
  const biases = firstBiases(layer, largest.length);
  const steps = weightSteps(layer, largest);
  return largest.map((value, c) => {
    const scale = Math.max(value / steps[c], least, Math.abs(biases[c]) / scaleOfX / 2 ** 30) || 2 ** -20;
    if (summand === undefined) return scale;
    const factor = Math.floor(summand / (scaleOfX * scale));
    return factor >= leastFactor ? summand / (scaleOfX * factor) : scale;
  });
}

/** Real values of weights of a layer. */
export function realWeights(layer: Layer, cells: Int8Array, scales: ArrayLike<number>): Float32Array {
  const { of } = channelsOf(layer);
  return Float32Array.from(cells, (q, index) => scales[of(index)] * q);
}

/** Weights as −127 … 127. @throws ConfigError for values that are not finite */
export function roundWeights(layer: Layer<InferenceOp>, scales: ArrayLike<number>): Int8Array {
  const { of } = channelsOf(layer);
  return Int8Array.from(valuesOf(layer.weights[0]), (value, index) => {
    const q = round(value / scales[of(index)]);
    if (Number.isNaN(q)) throw new ConfigError(`int8: ${layer.name} has a weight that is not finite`);
    return Math.max(-127, Math.min(127, q));
  });
}

/**
 * What rounded weights add to the mean of each output channel.
 * @param means of the input's channels
 * @param x,y shapes of input and output
 */
export function meanError(layer: Layer, rounded: Float32Array, means: Float64Array, x: Shape, y: Shape): Float64Array {
  const { channels, of } = channelsOf(layer);
  const { shape } = layer.weights[0];
  const errors = new Float64Array(channels);
  const inside = tapShares(layer, x, y);
  /** The mean of what a weight multiplies. */
  const meanOf = (index: number): number => {
    if (isTransposed(layer)) return means[index % shape[1]];
    const row = Math.floor(index / channels);
    if (layer.op === "matmul") return means[row];
    if (layer.op === "depthwiseConv2d") return inside[row] * means[index % channels];
    const inputs = shape[2];
    const group = Math.floor(((index % channels) * means.length) / inputs / channels);
    return inside[Math.floor(row / inputs)] * means[group * inputs + (row % inputs)];
  };
  valuesOf(layer.weights[0]).forEach((w, index) => (errors[of(index)] += (rounded[index] - w) * meanOf(index)));
  return errors;
}

/** For each tap of a kernel the share of the outputs for which it lies inside the image. */
function tapShares({ op, weights, attributes }: Layer, x: Shape, y: Shape): Float64Array {
  if (op === "matmul") return new Float64Array();
  const kernel = weights[0].shape;
  const { outputs, taps } = windowsOf(x, y, kernel, attributes as Dilated);
  const shares = new Float64Array(kernel[0] * kernel[1]);
  for (const tap of taps) shares[tap] += 1 / outputs;
  return shares;
}
