import type { Tensor } from "../tensor.ts";
import { activate, type Activation } from "../ops/activation.ts";
import { batchNorm, conv2d, depthwiseConv2d, layerNorm } from "./layers.ts";
import type { Module, Scope } from "./scope.ts";

/** What the blocks of one network have in common. */
export interface BlockStyle {
  /** Trained scale and shift in every batch norm. Default true. */
  readonly affine?: boolean;
  /** What stands where these blocks are named after ReLU. Default `"relu"`. */
  readonly activation?: Activation | undefined;
}

export interface PatternOptions extends BlockStyle {
  readonly kernel?: number;
  readonly stride?: number;
  /** Of the k × k convolution. Default 1. */
  readonly dilation?: number | undefined;
  /** Divides (bottleneck) or multiplies (inverted bottleneck) the input channels. Default 1. */
  readonly ratio?: number;
}

export interface ConvOptions extends Omit<PatternOptions, "ratio"> {
  /** Slices of the channels that are convolved each on its own. Default 1. */
  readonly groups?: number | undefined;
}

/** Convolution without bias → batch norm → ReLU, or the activation of the style. */
export function convBnRelu(
  channels: number,
  { kernel = 1, stride = 1, dilation = 1, groups = 1, ...style }: ConvOptions = {},
): Module {
  return (x, scope) =>
    normalized(scope, scope.run("conv", conv2d(channels, { kernel, stride, dilation, groups }), x), style);
}

function depthwiseBnRelu({ kernel = 3, stride = 1, dilation = 1, ...style }: Omit<PatternOptions, "ratio">): Module {
  return (x, scope) => normalized(scope, scope.run("conv", depthwiseConv2d({ kernel, stride, dilation }), x), style);
}

function normalized(scope: Scope, x: Tensor, { affine, activation = "relu" }: BlockStyle): Tensor {
  return activate(scope.run("norm", batchNorm({ affine }), x), activation);
}

/** `body` plus a 1×1 convBnRelu from its input, strided to match; no activation after the sum. */
export function shortcut(body: Module, { affine, activation }: BlockStyle = {}): Module {
  return (x, scope) => {
    const y = scope.run("main", body, x);
    const stride = Math.ceil(x.shape[1]! / y.shape[1]!);
    return y.add(scope.run("shortcut", convBnRelu(y.shape.at(-1)!, { stride, affine, activation }), x));
  };
}

/** cbr(k, s) → cbr(1) */
export function convPattern(channels: number, { kernel = 3, ...options }: ConvOptions = {}): Module {
  const { affine, activation } = options;
  return (x, scope) =>
    scope.run(
      "project",
      convBnRelu(channels, { affine, activation }),
      scope.run("conv", convBnRelu(channels, { ...options, kernel }), x),
    );
}

export function residual(channels: number, options: ConvOptions = {}): Module {
  return shortcut(convPattern(channels, options), options);
}

function expandDepthwiseProject(channels: number, hidden: (inputs: number) => number, options: PatternOptions): Module {
  const { affine, activation } = options;
  const style = { affine, activation };
  const body: Module = (x, scope) => {
    const expanded = scope.run("expand", convBnRelu(hidden(x.shape.at(-1)!), style), x);
    const filtered = scope.run("depthwise", depthwiseBnRelu(options), expanded);
    return scope.run("project", convBnRelu(channels, style), filtered);
  };
  return shortcut(body, style);
}

/** cbr(1) to ⌊input / ratio⌋ → depthwise cbr(k, s) → cbr(1), plus shortcut. */
export function bottleneck(channels: number, options: PatternOptions = {}): Module {
  return expandDepthwiseProject(channels, (inputs) => Math.max(1, Math.floor(inputs / (options.ratio ?? 1))), options);
}

/** cbr(1) to input · ratio → depthwise cbr(k, s) → cbr(1), plus shortcut (after Sandler et al. 2018). */
export function invertedBottleneck(channels: number, options: PatternOptions = {}): Module {
  return expandDepthwiseProject(channels, (inputs) => inputs * (options.ratio ?? 1), options);
}

/** ResNet's basic block (He et al. 2016); on a change of shape the shortcut is a 1×1 convolution with bias. */
export function basicBlock(channels: number, { stride = 1, affine, activation = "relu" }: PatternOptions = {}): Module {
  return (x, scope) => {
    const first = scope.run("first", convBnRelu(channels, { kernel: 3, stride, affine, activation }), x);
    const second = scope.run(
      "norm",
      batchNorm({ affine }),
      scope.run("second", conv2d(channels, { kernel: 3 }), first),
    );
    const same = stride === 1 && x.shape.at(-1) === channels;
    const skip = same ? x : scope.run("shortcut", conv2d(channels, { stride, bias: true }), x);
    return activate(second.add(skip), activation);
  };
}

export interface VitOptions extends BlockStyle {
  readonly heads: number;
  readonly headDim: number;
  /** Output channels. Default: those of the input. */
  readonly channels?: number;
  /** Default true. */
  readonly feedForward?: boolean;
  /** Normalisation inside the block. Default `"batch"`. */
  readonly norm?: "batch" | "layer";
  /** How tokens attend to each other. Default `"softmax"`. */
  readonly attention?: "softmax" | "linear" | undefined;
}

/**
 * Vision transformer over all pixels as tokens, without position embedding or class token (Djajapermana et al. 2025):
 * Q, K, V by bias-free 1×1 convolutions, softmax(QKᵀ/√d)·V or linear attention, output projection, shortcut; then optionally a
 * feed-forward 1×1 layer with its own shortcut.
 */
export function vit(options: VitOptions): Module {
  const { heads, headDim, feedForward = true, norm = "batch", attention = "softmax", affine, activation } = options;
  const style = { affine, activation };
  return (x, scope) => {
    const [n, height, width] = x.shape as [number, number, number];
    const channels = options.channels ?? x.shape.at(-1)!;
    const dense = (name: string, from: Tensor): Tensor => scope.run(name, pointwise(channels, norm, style), from);
    const token = (name: string): Tensor =>
      scope.run(name, conv2d(heads * headDim), x).reshape([n, height * width, heads * headDim]);
    const [q, k, v] = [token("q"), token("k"), token("v")];
    const attended = attention === "linear" ? q.linearAttention(k, v, { heads }) : q.attention(k, v, { heads });
    const y = dense("project", attended.reshape([n, height, width, heads * headDim])).add(dense("shortcut", x));
    return feedForward ? dense("feedForward", y).add(dense("feedForwardShortcut", y)) : y;
  };
}

function pointwise(channels: number, norm: "batch" | "layer", style: BlockStyle): Module {
  if (norm === "batch") return convBnRelu(channels, style);
  const { affine, activation = "relu" } = style;
  return (x, scope) =>
    activate(scope.run("norm", layerNorm({ affine }), scope.run("conv", conv2d(channels), x)), activation);
}
