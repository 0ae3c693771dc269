import { ConfigError, ShapeError } from "../errors.ts";
import { conv2d as convolve, depthwiseConv2d as convolveDepthwise } from "../ops/conv2d.ts";
import { dropout as drop } from "../ops/dropout.ts";
import { batchNorm as normalize, batchNormTraining, layerNorm as normalizeLayer } from "../ops/normalize.ts";
import { readSlot, recordOne } from "../record.ts";
import { elementCount, pair, type Pair, type PaddingOption } from "../shape.ts";
import type { Slot } from "../slot.ts";
import type { Tensor } from "../tensor.ts";
import { fanInUniform, heNormal, ones, zeros, type Initializer } from "./initializers.ts";
import type { Module, Scope } from "./scope.ts";

export interface Conv2dLayerOptions {
  readonly kernel?: number | Pair;
  readonly stride?: number | Pair;
  readonly padding?: PaddingOption;
  /** Cells from one tap of the kernel to the next. Default 1. */
  readonly dilation?: number | Pair;
  /** Slices of the channels that are convolved each on its own; divides inputs and `channels`. Default 1. */
  readonly groups?: number;
  /** Default false: a normalisation follows. */
  readonly bias?: boolean;
  readonly initializer?: Initializer;
}

/** Modules in sequence, named by their keys or positions. */
export function sequential(...modules: readonly (Module | Readonly<Record<string, Module>>)[]): Module {
  const named = modules.flatMap((module, index) =>
    typeof module === "function" ? [[String(index), module] as const] : Object.entries(module),
  );
  return (x, scope) => named.reduce((value, [name, module]) => scope.run(name, module, value), x);
}

/** Convolution to `channels`, kernel 1 by default, `"same"` padding. */
export function conv2d(channels: number, options: Conv2dLayerOptions = {}): Module {
  return (x, scope) => {
    const [kh, kw] = pair(options.kernel ?? 1);
    const { groups = 1 } = options;
    const inputs = x.shape.at(-1)!;
    if (!Number.isInteger(groups) || groups < 1 || inputs % groups !== 0 || channels % groups !== 0)
      throw new ShapeError(`conv2d: groups must divide ${inputs} inputs and ${channels} outputs, got ${groups}`);
    const shape = [kh, kw, inputs / groups, channels];
    const w = scope.parameter("weight", shape, options.initializer ?? heNormal, true);
    const y = convolve(x, w, options);
    return options.bias ? y.bias(scope.parameter("bias", [channels], zeros)) : y;
  };
}

/** One filter per channel, kernel 3 by default, `"same"` padding. */
export function depthwiseConv2d(options: Omit<Conv2dLayerOptions, "bias" | "groups"> = {}): Module {
  return (x, scope) => {
    const shape = [...pair(options.kernel ?? 3), x.shape.at(-1)!];
    return convolveDepthwise(x, scope.parameter("weight", shape, options.initializer ?? heNormal, true), options);
  };
}

/** x [n,k] → [n,features]; axes between the first and the last are flattened into k. */
export function linear(features: number, { bias = true }: { readonly bias?: boolean } = {}): Module {
  return (x, scope) => {
    const rows = x.shape.length === 2 ? x : x.reshape([x.shape[0]!, elementCount(x.shape.slice(1))]);
    const y = rows.matmul(scope.parameter("weight", [rows.shape[1]!, features], fanInUniform, true));
    if (!bias) return y;
    const biasUniform: Initializer = (shape, ...key) =>
      fanInUniform([rows.shape[1]!, ...shape], ...key).slice(0, elementCount(shape));
    return y.bias(scope.parameter("bias", [features], biasUniform));
  };
}

export interface NormOptions {
  /** Trained scale and shift. Default true. */
  readonly affine?: boolean;
  readonly epsilon?: number;
}

export interface BatchNormOptions extends NormOptions {
  /** Weight of the newest batch in the running statistics. Default 0.1. */
  readonly momentum?: number;
}

function affineTerms(x: Tensor, scope: Scope, affine = true): { gamma: Tensor; beta: Tensor } | undefined {
  const shape = [x.shape.at(-1)!];
  return affine
    ? { gamma: scope.parameter("gamma", shape, ones), beta: scope.parameter("beta", shape, zeros) }
    : undefined;
}

function track(scope: Scope, slot: Slot, value: Tensor, momentum: number, factor: number): void {
  scope.assign(slot, recordOne("movingAverage", [readSlot(slot), value], { momentum, factor }));
}

/** Batch normalisation; the running variance is the unbiased one, as in PyTorch. */
export function batchNorm({ affine, epsilon = 1e-5, momentum = 0.1 }: BatchNormOptions = {}): Module {
  return (x, scope) => {
    const shape = [x.shape.at(-1)!];
    const terms = affineTerms(x, scope, affine);
    const runningMean = scope.buffer("mean", shape, 0);
    const runningVariance = scope.buffer("variance", shape, 1);
    if (!scope.training) return normalize(x, readSlot(runningMean), readSlot(runningVariance), terms, epsilon);
    const samples = elementCount(x.shape.slice(0, -1));
    const { y, mean, variance } = batchNormTraining(x, terms, epsilon);
    track(scope, runningMean, mean, momentum, 1);
    track(scope, runningVariance, variance, momentum, samples > 1 ? samples / (samples - 1) : 1);
    return y;
  };
}

/** Layer normalisation over channels. */
export function layerNorm({ affine, epsilon = 1e-5 }: NormOptions = {}): Module {
  return (x, scope) => normalizeLayer(x, affineTerms(x, scope, affine), epsilon);
}

export function relu(): Module {
  return (x) => x.relu();
}

export function gelu(): Module {
  return (x) => x.gelu();
}

export function sigmoid(): Module {
  return (x) => x.sigmoid();
}

export function hardSwish(): Module {
  return (x) => x.hardSwish();
}

/** Inactive in evaluation. @throws ConfigError unless 0 ≤ rate < 1 */
export function dropout(rate: number): Module {
  if (!(rate >= 0 && rate < 1)) throw new ConfigError(`dropout: rate must be at least 0 and below 1, got ${rate}`);
  return (x, scope) =>
    scope.training && rate > 0 ? drop(x, scope.recording.dropoutSeed, rate, scope.recording.nextStream()) : x;
}

export type PoolKind = "max" | "average" | "mix";

/** Pooling with (k−1)/2 padding. */
export function pool(kind: PoolKind, options: { readonly kernel: number; readonly stride?: number }): Module {
  const settings = { kernel: options.kernel, stride: options.stride ?? options.kernel, padding: "same" } as const;
  return (x) =>
    kind === "max" ? x.maxPool(settings) : kind === "average" ? x.averagePool(settings) : x.mixPool(settings);
}

export function globalAveragePool(): Module {
  return (x) => x.globalAveragePool();
}
