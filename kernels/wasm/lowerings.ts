import type { OpName } from "../../engine/ops/vocabulary.ts";
import type { Lowering } from "./emitter.ts";
import { conv2d, conv2dFilterGradient, conv2dInputGradient } from "./lower/conv2d.ts";
import {
  depthwiseConv2d,
  depthwiseConv2dFilterGradient,
  depthwiseConv2dInputGradient,
} from "./lower/depthwise-conv2d.ts";
import { add, bias, multiply, relu, reluGradient, scale } from "./lower/elementwise.ts";
import { matmul } from "./lower/matmul.ts";

/** How each op becomes steps. */
export const lowerings: { readonly [K in OpName]?: Lowering<K> } = {
  conv2d,
  conv2dInputGradient,
  conv2dFilterGradient,
  depthwiseConv2d,
  depthwiseConv2dInputGradient,
  depthwiseConv2dFilterGradient,
  matmul,
  bias,
  add,
  multiply,
  scale,
  relu,
  reluGradient,
};

/**
 * Outputs that may take the place of an input: `[output, input]`. Their kernels read each element before they write it
 * and read it in no other thread.
 */
export const inPlace: { readonly [K in OpName]?: readonly (readonly [output: number, input: number])[] } = {
  bias: [[0, 0]],
  add: [
    [0, 0],
    [0, 1],
  ],
  multiply: [
    [0, 0],
    [0, 1],
  ],
  scale: [[0, 0]],
  relu: [[0, 0]],
  reluGradient: [
    [0, 1],
    [0, 0],
  ],
  softmax: [[0, 0]],
  softmaxGradient: [
    [0, 1],
    [0, 0],
  ],
  batchNorm: [[0, 0]],
  batchNormTraining: [[0, 0]],
  batchNormTrainingGradient: [
    [0, 0],
    [0, 1],
  ],
  layerNorm: [[0, 0]],
  layerNormGradient: [
    [0, 0],
    [0, 1],
  ],
  dropout: [[0, 0]],
  crossEntropyGradient: [[0, 0]],
  movingAverage: [[0, 0]],
  adamW: [
    [0, 0],
    [1, 2],
    [2, 3],
  ],
  sgd: [
    [0, 0],
    [1, 2],
  ],
};
