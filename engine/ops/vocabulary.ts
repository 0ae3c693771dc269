import type { Padding, Pair, Shape } from "../shape.ts";
import type { BinaryKind } from "./binary.ts";
import type { ReduceKind } from "./reduce-axes.ts";
import type { UnaryKind } from "./unary.ts";

/** How a window slides over an NHWC image. */
export interface Sliding {
  readonly stride: Pair;
  readonly padding: Padding;
}

/** A window whose taps lie `dilation` cells apart. */
export interface Dilated extends Sliding {
  readonly dilation: Pair;
}

/** A convolution of each of `groups` slices of the channels on its own. */
export interface Grouped extends Dilated {
  readonly groups: number;
}

export interface KernelSize {
  readonly kernel: Pair;
}

/** A pooling window. */
export interface Pooling extends Sliding, KernelSize {}

export interface InputShape {
  readonly inputShape: Shape;
}

type None = Record<never, never>;

/**
 * Every op that a graph can hold: its inputs in order, and its attributes. All values are float32; class labels are
 * floats that hold integers. A trailing `?` marks inputs that may be left out (affine terms of a normalisation).
 * All tables of the engine and of the back ends are exhaustive over this interface.
 */
export interface Ops {
  /** x [n,h,w,ci], w [kh,kw,ci/groups,co] → y [n,h',w',co]; group g reads and writes the g-th slice of the channels */
  conv2d: { inputs: [x: Shape, w: Shape]; attributes: Grouped };
  /** dy [n,h',w',co], w [kh,kw,ci/groups,co] → dx [n,h,w,ci] */
  conv2dInputGradient: { inputs: [dy: Shape, w: Shape]; attributes: Grouped & InputShape };
  /** x [n,h,w,ci], dy [n,h',w',co] → dw [kh,kw,ci/groups,co] */
  conv2dFilterGradient: { inputs: [x: Shape, dy: Shape]; attributes: Grouped & KernelSize };
  /** x [n,h,w,c], w [kh,kw,c] → y [n,h',w',c] */
  depthwiseConv2d: { inputs: [x: Shape, w: Shape]; attributes: Dilated };
  /** dy [n,h',w',c], w [kh,kw,c] → dx [n,h,w,c] */
  depthwiseConv2dInputGradient: { inputs: [dy: Shape, w: Shape]; attributes: Dilated & InputShape };
  /** x [n,h,w,c], dy [n,h',w',c] → dw [kh,kw,c] */
  depthwiseConv2dFilterGradient: { inputs: [x: Shape, dy: Shape]; attributes: Dilated & KernelSize };
  /** a [m,k] (or [k,m] transposed), b [k,n] (or [n,k] transposed) → y [m,n] */
  matmul: { inputs: [a: Shape, b: Shape]; attributes: { readonly transposeA: boolean; readonly transposeB: boolean } };
  /** x [...,c], b [c] → y = x + b */
  bias: { inputs: [x: Shape, b: Shape]; attributes: None };
  /** x [...,c] → y [c], the sum over all other axes */
  sumRows: { inputs: [x: Shape]; attributes: None };
  /** a, b of one shape → a + b */
  add: { inputs: [a: Shape, b: Shape]; attributes: None };
  /** a, b of one shape → a · b */
  multiply: { inputs: [a: Shape, b: Shape]; attributes: None };
  /** x → factor · x */
  scale: { inputs: [x: Shape]; attributes: { readonly factor: number } };
  relu: { inputs: [x: Shape]; attributes: None };
  /** y (the output of relu), dy → dx = dy where y > 0 */
  reluGradient: { inputs: [y: Shape, dy: Shape]; attributes: None };
  /** x → x · Φ(x), Φ the normal distribution (Hendrycks and Gimpel 2016); the exact form, not that with tanh */
  gelu: { inputs: [x: Shape]; attributes: None };
  geluGradient: { inputs: [x: Shape, dy: Shape]; attributes: None };
  /** x → 1 / (1 + exp(−x)) */
  sigmoid: { inputs: [x: Shape]; attributes: None };
  /** y (the output of sigmoid), dy → dx = dy · y · (1 − y) */
  sigmoidGradient: { inputs: [y: Shape, dy: Shape]; attributes: None };
  /** x → x · min(6, max(0, x + 3)) / 6 (Howard et al. 2019) */
  hardSwish: { inputs: [x: Shape]; attributes: None };
  hardSwishGradient: { inputs: [x: Shape, dy: Shape]; attributes: None };
  /** x → f(x) cell by cell, of the kinds in unary.ts with their parameters a and b */
  unary: { inputs: [x: Shape]; attributes: { readonly kind: UnaryKind; readonly a: number; readonly b: number } };
  /** a, b of as many axes, alike or of size 1, which is then repeated → f(a, b) cell by cell, of the kinds in binary.ts */
  binary: { inputs: [a: Shape, b: Shape]; attributes: { readonly kind: BinaryKind } };
  /** x → the mean, sum, largest or smallest of all cells along some axes, which stay with size 1 */
  reduce: { inputs: [x: Shape]; attributes: { readonly kind: ReduceKind; readonly axes: readonly number[] } };
  /** a [batch,m,k], b [batch,k,n] → y [batch,m,n] */
  batchMatmul: { inputs: [a: Shape, b: Shape]; attributes: None };
  /** over the last axis */
  softmax: { inputs: [x: Shape]; attributes: None };
  softmaxGradient: { inputs: [y: Shape, dy: Shape]; attributes: None };
  /** Inference: x [...,c] with given mean [c], variance [c] and optional gamma [c], beta [c] (both or neither) */
  batchNorm: {
    inputs: [x: Shape, mean: Shape, variance: Shape, gamma?: Shape, beta?: Shape];
    attributes: { readonly epsilon: number };
  };
  /** Training: x [...,c], gamma?, beta? → y, mean [c], variance [c] (biased), all of this batch */
  batchNormTraining: { inputs: [x: Shape, gamma?: Shape, beta?: Shape]; attributes: { readonly epsilon: number } };
  /** dy, x, mean, variance, gamma? → dx, and with gamma also dgamma [c], dbeta [c] */
  batchNormTrainingGradient: {
    inputs: [dy: Shape, x: Shape, mean: Shape, variance: Shape, gamma?: Shape];
    attributes: { readonly epsilon: number };
  };
  /** over the last axis: x [...,c], gamma? [c], beta? [c] (both or neither) */
  layerNorm: { inputs: [x: Shape, gamma?: Shape, beta?: Shape]; attributes: { readonly epsilon: number } };
  /** dy, x, gamma? → dx, and with gamma also dgamma [c], dbeta [c] */
  layerNormGradient: { inputs: [dy: Shape, x: Shape, gamma?: Shape]; attributes: { readonly epsilon: number } };
  /** Padded cells never win. */
  maxPool: { inputs: [x: Shape]; attributes: Pooling };
  /** dy, x → dx; the first cell that holds the maximum takes the gradient */
  maxPoolGradient: { inputs: [dy: Shape, x: Shape]; attributes: Pooling };
  /** Divides by kh·kw always: padding counts. */
  averagePool: { inputs: [x: Shape]; attributes: Pooling };
  averagePoolGradient: { inputs: [dy: Shape]; attributes: Pooling & InputShape };
  /** (maxPool + averagePool) / 2 */
  mixPool: { inputs: [x: Shape]; attributes: Pooling };
  mixPoolGradient: { inputs: [dy: Shape, x: Shape]; attributes: Pooling };
  /** x [n,h,w,c] → y [n,c] */
  globalAveragePool: { inputs: [x: Shape]; attributes: None };
  globalAveragePoolGradient: { inputs: [dy: Shape]; attributes: InputShape };
  /**
   * q, k, v [n,tokens,heads·d] → y [n,tokens,heads·d] = softmax(scale · q kᵀ) v per head, and
   * logSumExp [n,heads,tokens] of the scaled scores, which the gradient needs. The score matrix is never stored.
   */
  attention: { inputs: [q: Shape, k: Shape, v: Shape]; attributes: { readonly heads: number; readonly scale: number } };
  /** → dq, dk, dv */
  attentionGradient: {
    inputs: [dy: Shape, q: Shape, k: Shape, v: Shape, y: Shape, logSumExp: Shape];
    attributes: { readonly heads: number; readonly scale: number };
  };
  /**
   * q, k, v [n,tokens,heads·d] → y [n,tokens,heads·d] = φ(q) (φ(k)ᵀ v) / (φ(q) · Σ φ(k) + epsilon) per head, where φ is
   * relu and the sum runs over the tokens
   */
  linearAttention: {
    inputs: [q: Shape, k: Shape, v: Shape];
    attributes: { readonly heads: number; readonly epsilon: number };
  };
  /** → dq, dk, dv */
  linearAttentionGradient: {
    inputs: [dy: Shape, q: Shape, k: Shape, v: Shape, y: Shape];
    attributes: { readonly heads: number; readonly epsilon: number };
  };
  /** An alias of the same cells. */
  reshape: { inputs: [x: Shape]; attributes: { readonly shape: Shape } };
  /** any number of tensors, all axes but one alike → one after the other along that axis */
  concat: { inputs: Shape[]; attributes: { readonly axis: number } };
  /** x → the box of `size` cells from `start` on, along each axis */
  slice: { inputs: [x: Shape]; attributes: { readonly start: Shape; readonly size: Shape } };
  /** x → the cells at these indices along one axis */
  gather: { inputs: [x: Shape]; attributes: { readonly axis: number; readonly indices: readonly number[] } };
  /** x → x with cells of one value before and after it, along each axis */
  pad: { inputs: [x: Shape]; attributes: { readonly before: Shape; readonly after: Shape; readonly value: number } };
  /** Axis i of the result is axis permutation[i] of x. */
  transpose: { inputs: [x: Shape]; attributes: { readonly permutation: readonly number[] } };
  /**
   * x [...,c] rounded to what int8 cells of an extent can stand for, and held to their ends. With the extent [2] of all
   * of x, its least and largest value, these are 256 values; `perChannel` has [c], the largest magnitude of each
   * channel, and 255 values about 0. See fake-quantize.ts.
   */
  fakeQuantize: { inputs: [x: Shape, extent: Shape]; attributes: { readonly perChannel: boolean } };
  /** x, extent, dy → dx = dy where x is not held to an end: rounding passes gradients through (Bengio et al. 2013) */
  fakeQuantizeGradient: {
    inputs: [x: Shape, extent: Shape, dy: Shape];
    attributes: { readonly perChannel: boolean };
  };
  /** x [...,c] → [2], the least and largest of its cells and 0; `perChannel`: [c], the largest magnitude of each channel */
  extent: { inputs: [x: Shape]; attributes: { readonly perChannel: boolean } };
  /**
   * y = x · keep / (1 − rate); keep is a pure function of seed [2] (two integers below 2²⁴), stream and element
   * index (see random.ts). Its own derivative.
   */
  dropout: { inputs: [x: Shape, seed: Shape]; attributes: { readonly rate: number; readonly stream: number } };
  /**
   * logits [n,c], labels [n] → loss [] (mean over rows whose label is ≥ 0), probabilities [n,c].
   * Targets are (1 − smoothing)·onehot + smoothing/c. Rows with a negative label are masked out.
   */
  crossEntropy: { inputs: [logits: Shape, labels: Shape]; attributes: { readonly smoothing: number } };
  /** probabilities [n,c], labels [n], dloss [] → dlogits [n,c] */
  crossEntropyGradient: {
    inputs: [probabilities: Shape, labels: Shape, dloss: Shape];
    attributes: { readonly smoothing: number };
  };
  /** x → [], the mean of all elements */
  mean: { inputs: [x: Shape]; attributes: None };
  meanGradient: { inputs: [dy: Shape]; attributes: InputShape };
  /** any number of tensors → [], the sum of the squares of all their elements */
  sumOfSquares: { inputs: Shape[]; attributes: None };
  /** s [] → [] = min(1, maxNorm / √s) */
  clipFactor: { inputs: [sumOfSquares: Shape]; attributes: { readonly maxNorm: number } };
  /** running, value → running + momentum · (factor · value − running) */
  movingAverage: {
    inputs: [running: Shape, value: Shape];
    attributes: { readonly momentum: number; readonly factor: number };
  };
  /**
   * average, value, step [] (1 for the first) → average + (1 − d) · (value − average), where d is
   * min(decay, (1 + step) / (10 + step)): young averages forget faster
   */
  exponentialMovingAverage: {
    inputs: [average: Shape, value: Shape, step: Shape];
    attributes: { readonly decay: number };
  };
  /**
   * Loshchilov and Hutter 2019, as PyTorch computes it. p, g, m, v of one shape, learningRate [], step [] (1 for the
   * first), gradientFactor? [] (g is multiplied by it first) → p', m', v'
   */
  adamW: {
    inputs: [p: Shape, g: Shape, m: Shape, v: Shape, learningRate: Shape, step: Shape, gradientFactor?: Shape];
    attributes: {
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
      readonly weightDecay: number;
    };
  };
  /**
   * As PyTorch computes it: g' = factor·g + weightDecay·p; velocity' = momentum·velocity + g';
   * p' = p − learningRate·(nesterov ? g' + momentum·velocity' : velocity') → p', velocity'
   */
  sgd: {
    inputs: [p: Shape, g: Shape, velocity: Shape, learningRate: Shape, gradientFactor?: Shape];
    attributes: { readonly momentum: number; readonly nesterov: boolean; readonly weightDecay: number };
  };
}

export type OpName = keyof Ops;
export type Attributes<K extends OpName> = Ops[K]["attributes"];

/** Ops that belong to training alone. */
type TrainingOp =
  | Extract<OpName, `${string}Gradient`>
  | "sumRows"
  | "batchNormTraining"
  | "fakeQuantize"
  | "extent"
  | "dropout"
  | "crossEntropy"
  | "mean"
  | "sumOfSquares"
  | "clipFactor"
  | "movingAverage"
  | "exponentialMovingAverage"
  | "adamW"
  | "sgd";

/** Ops that a deployed network can hold; the tables of cost, ONNX and C are exhaustive over these. */
export type InferenceOp = Exclude<OpName, TrainingOp>;

/** A table row that says why an op is not available there. */
export interface Unsupported {
  readonly unsupported: string;
}

export function unsupported(reason: string): Unsupported {
  return { unsupported: reason };
}
