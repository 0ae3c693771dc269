import type { OpName } from "../../engine/ops/vocabulary.ts";
import type { OpNode } from "../../engine/record.ts";
import type { Lowering } from "./emitter.ts";
import { attention, attentionGradient } from "./lower/attention.ts";
import { batchNorm, batchNormTraining, batchNormTrainingGradient } from "./lower/batch-norm.ts";
import { batchMatmul } from "./lower/batch-matmul.ts";
import { binary } from "./lower/binary.ts";
import { concat, gather, pad, slice } from "./lower/box.ts";
import { conv2d, conv2dFilterGradient, conv2dInputGradient } from "./lower/conv2d.ts";
import { crossEntropy, crossEntropyGradient } from "./lower/cross-entropy.ts";
import {
  depthwiseConv2d,
  depthwiseConv2dFilterGradient,
  depthwiseConv2dInputGradient,
} from "./lower/depthwise-conv2d.ts";
import { dropout } from "./lower/dropout.ts";
import {
  add,
  bias,
  gelu,
  geluGradient,
  hardSwish,
  hardSwishGradient,
  multiply,
  relu,
  reluGradient,
  scale,
  sigmoid,
  sigmoidGradient,
} from "./lower/elementwise.ts";
import { extent, fakeQuantize, fakeQuantizeGradient } from "./lower/fake-quantize.ts";
import { layerNorm, layerNormGradient } from "./lower/layer-norm.ts";
import { transpose } from "./lower/layout.ts";
import { linearAttention, linearAttentionGradient } from "./lower/linear-attention.ts";
import { matmul } from "./lower/matmul.ts";
import { adamW, clipFactor, exponentialMovingAverage, movingAverage, sgd } from "./lower/optimize.ts";
import {
  averagePool,
  averagePoolGradient,
  globalAveragePool,
  globalAveragePoolGradient,
  maxPool,
  maxPoolGradient,
  mixPool,
  mixPoolGradient,
} from "./lower/pool.ts";
import { mean, meanGradient, sumOfSquares, sumRows } from "./lower/reduce.ts";
import { reduce } from "./lower/reduce-axes.ts";
import { softmax, softmaxGradient } from "./lower/softmax.ts";
import { unary } from "./lower/unary.ts";
import type { Decomposition } from "./parts.ts";

/** An op that falls apart into element-wise values, sums and kernels, which the planner joins with those of others. */
interface TakenApart<K extends OpName> {
  readonly decompose: Decomposition<K>;
}

/** How each op becomes steps. Reshape is an alias and becomes none. */
export const lowerings: { readonly [K in Exclude<OpName, "reshape">]: Lowering<K> | TakenApart<K> } = {
  conv2d,
  conv2dInputGradient,
  conv2dFilterGradient,
  depthwiseConv2d,
  depthwiseConv2dInputGradient,
  depthwiseConv2dFilterGradient,
  matmul,
  bias: { decompose: bias },
  sumRows,
  add: { decompose: add },
  multiply: { decompose: multiply },
  scale: { decompose: scale },
  relu: { decompose: relu },
  reluGradient: { decompose: reluGradient },
  gelu: { decompose: gelu },
  geluGradient: { decompose: geluGradient },
  sigmoid: { decompose: sigmoid },
  sigmoidGradient: { decompose: sigmoidGradient },
  hardSwish: { decompose: hardSwish },
  hardSwishGradient: { decompose: hardSwishGradient },
  unary,
  binary,
  reduce,
  batchMatmul,
  softmax,
  softmaxGradient,
  batchNorm: { decompose: batchNorm },
  batchNormTraining: { decompose: batchNormTraining },
  batchNormTrainingGradient: { decompose: batchNormTrainingGradient },
  layerNorm,
  layerNormGradient,
  maxPool,
  maxPoolGradient,
  averagePool,
  averagePoolGradient,
  mixPool,
  mixPoolGradient,
  globalAveragePool,
  globalAveragePoolGradient,
  attention,
  attentionGradient,
  linearAttention,
  linearAttentionGradient,
  concat,
  slice,
  gather,
  pad,
  transpose,
  fakeQuantize: { decompose: fakeQuantize },
  fakeQuantizeGradient: { decompose: fakeQuantizeGradient },
  extent,
  dropout,
  crossEntropy,
  crossEntropyGradient,
  mean,
  meanGradient,
  sumOfSquares,
  clipFactor,
  movingAverage,
  exponentialMovingAverage,
  adamW,
  sgd,
};

/**
 * Outputs that may take the place of an input: `[output, input]`. Their kernels read each element before they write it
 * and read it in no other thread.
 */
export const inPlace: { readonly [K in OpName]?: readonly (readonly [output: number, input: number])[] } = {
  unary: [[0, 0]],
  softmax: [[0, 0]],
  softmaxGradient: [
    [0, 1],
    [0, 0],
  ],
  layerNorm: [[0, 0]],
  layerNormGradient: [
    [0, 0],
    [0, 1],
  ],
  dropout: [[0, 0]],
  crossEntropyGradient: [[0, 0]],
  movingAverage: [[0, 0]],
  exponentialMovingAverage: [[0, 0]],
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

const windowed = new Set<OpName>(["conv2d", "conv2dInputGradient", "depthwiseConv2d", "depthwiseConv2dInputGradient"]);

const filterGradients = new Set<OpName>(["conv2dFilterGradient", "depthwiseConv2dFilterGradient"]);

/** Channels of the result, where a chain may follow strip by strip in the op's last step. */
export function epilogueChannels(node: OpNode): number | undefined {
  const product = node.op === "matmul" && !(node as OpNode<"matmul">).attributes.transposeA;
  return product || windowed.has(node.op) ? node.shapes[0]!.at(-1) : undefined;
}

/** Channels of input 0, where a chain may compute it strip by strip. */
export function loadChannels(node: OpNode): number | undefined {
  return windowed.has(node.op) || filterGradients.has(node.op) ? node.inputs[0]!.shape.at(-1) : undefined;
}
