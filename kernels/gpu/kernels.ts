import { unsupported, type Attributes, type OpName, type Unsupported } from "../../engine/ops/vocabulary.ts";
import { elementCount, type Shape } from "../../engine/shape.ts";
import { windowSizes } from "../window.ts";
import { conv2dFilterGradient, conv2dForward, conv2dInputGradient, type Conv2dSizes } from "./conv2d.ts";
import { addForward, meanGradient, multiplyForward, reluForward, reluGradient } from "./elementwise.ts";
import type { KernelSource } from "./kernel-source.ts";
import { matmulForward } from "./matmul.ts";

/** Writes the kernel of one op for these shapes. All ops that have one give a single output. */
export type GpuKernel<K extends OpName> = (
  inputs: readonly Shape[],
  output: Shape,
  attributes: Attributes<K>,
) => KernelSource;

const conv2dSizes = (x: Shape, y: Shape, kernel: Shape, attributes: Attributes<"conv2d">): Conv2dSizes => ({
  ...windowSizes(x, y, kernel, attributes),
  ci: x[3]!,
  co: y[3]!,
  groups: attributes.groups,
});

const later = unsupported("the gpu back end proves convolution, matrix product and relu; the rest has no kernel yet");

/** Every kernel of the gpu back end. */
export const kernels: { readonly [K in OpName]: GpuKernel<K> | Unsupported } = {
  conv2d: ([x, w], y, attributes) => conv2dForward(conv2dSizes(x!, y, w!, attributes)),
  conv2dInputGradient: ([dy, w], dx, attributes) => conv2dInputGradient(conv2dSizes(dx, dy!, w!, attributes)),
  conv2dFilterGradient: ([x, dy], _, attributes) =>
    conv2dFilterGradient(conv2dSizes(x!, dy!, attributes.kernel, attributes)),
  matmul: ([a], [m, n], attributes) =>
    matmulForward({ m: m!, k: a![attributes.transposeA ? 0 : 1]!, n: n!, ...attributes }),
  add: () => addForward,
  multiply: () => multiplyForward,
  relu: () => reluForward,
  reluGradient: () => reluGradient,
  meanGradient: (_, dx) => meanGradient(elementCount(dx)),

  depthwiseConv2d: later,
  depthwiseConv2dInputGradient: later,
  depthwiseConv2dFilterGradient: later,
  bias: later,
  sumRows: later,
  scale: later,
  gelu: later,
  geluGradient: later,
  sigmoid: later,
  sigmoidGradient: later,
  hardSwish: later,
  hardSwishGradient: later,
  softmax: later,
  softmaxGradient: later,
  batchNorm: later,
  batchNormTraining: later,
  batchNormTrainingGradient: later,
  layerNorm: later,
  layerNormGradient: later,
  maxPool: later,
  maxPoolGradient: later,
  averagePool: later,
  averagePoolGradient: later,
  mixPool: later,
  mixPoolGradient: later,
  globalAveragePool: later,
  globalAveragePoolGradient: later,
  attention: later,
  attentionGradient: later,
  linearAttention: later,
  linearAttentionGradient: later,
  reshape: later,
  concat: later,
  slice: later,
  pad: later,
  transpose: later,
  dropout: later,
  crossEntropy: later,
  crossEntropyGradient: later,
  mean: later,
  sumOfSquares: later,
  clipFactor: later,
  movingAverage: later,
  exponentialMovingAverage: later,
  adamW: later,
  sgd: later,
};
