import { concatStarts } from "../../engine/ops/concat.ts";
import type { Attributes, OpName } from "../../engine/ops/vocabulary.ts";
import { elementCount, type Shape } from "../../engine/shape.ts";
import {
  geluForward,
  geluGradient,
  hardSwishForward,
  hardSwishGradient,
  sigmoidForward,
  sigmoidGradient,
} from "./activation.ts";
import { attentionForward, attentionGradient } from "./attention.ts";
import { batchMatmulForward } from "./batch-matmul.ts";
import { binaryForward } from "./binary.ts";
import { concatForward, padForward, sliceForward } from "./box.ts";
import { conv2dFilterGradient, conv2dForward, conv2dInputGradient, type Conv2dSizes } from "./conv2d.ts";
import { crossEntropyForward, crossEntropyGradient } from "./cross-entropy.ts";
import {
  depthwiseConv2dFilterGradient,
  depthwiseConv2dForward,
  depthwiseConv2dInputGradient,
  type DepthwiseSizes,
} from "./depthwise-conv2d.ts";
import { dropoutForward } from "./dropout.ts";
import { addForward, multiplyForward, reluForward, reluGradient, scaleForward } from "./elementwise.ts";
import { extentForward, fakeQuantizeForward, fakeQuantizeGradient } from "./fake-quantize.ts";
import type { Floats } from "./floats.ts";
import { gatherForward } from "./gather.ts";
import { reshapeForward, transposeForward } from "./layout.ts";
import { biasForward, matmulForward } from "./matmul.ts";
import {
  batchNormForward,
  batchNormTrainingForward,
  batchNormTrainingGradient,
  layerNormForward,
  layerNormGradient,
} from "./normalize.ts";
import {
  adamWForward,
  clipFactorForward,
  exponentialMovingAverageForward,
  movingAverageForward,
  sgdForward,
} from "./optimize.ts";
import {
  globalAveragePoolForward,
  globalAveragePoolGradient,
  poolForward,
  poolGradient,
  type PoolSizes,
} from "./pool.ts";
import { linearAttentionForward, linearAttentionGradient } from "./linear-attention.ts";
import { meanForward, meanGradient, sumOfSquaresForward, sumRowsForward } from "./reduce.ts";
import { reduceForward } from "./reduce-axes.ts";
import { softmaxForward, softmaxGradient } from "./softmax.ts";
import { unaryForward } from "./unary.ts";
import { attentionSizes, linearAttentionSizes } from "../heads.ts";
import { windowSizes } from "../window.ts";

/** One op of a program: where its operands lie, their shapes, and the op's attributes. */
export interface KernelCall<K extends OpName> {
  readonly outputs: readonly Floats[];
  readonly inputs: readonly Floats[];
  readonly outputShapes: readonly Shape[];
  readonly inputShapes: readonly Shape[];
  readonly attributes: Attributes<K>;
}

/** Fills all outputs from the inputs. */
export type ReferenceKernel<K extends OpName> = (call: KernelCall<K>) => void;

type SlidingAttributes = Parameters<typeof windowSizes>[3];

const conv2dSizes = (x: Shape, y: Shape, kernel: Shape, attributes: Attributes<"conv2d">): Conv2dSizes => ({
  ...windowSizes(x, y, kernel, attributes),
  ci: x[3],
  co: y[3],
  groups: attributes.groups,
});

const channelwiseSizes = (
  x: Shape,
  y: Shape,
  kernel: Shape,
  attributes: SlidingAttributes,
): DepthwiseSizes & PoolSizes => ({ ...windowSizes(x, y, kernel, attributes), c: x[3] });

/** The last axis, and the product of all others. */
const rowsOf = (shape: Shape): readonly [rows: number, c: number] => {
  const c = shape.at(-1) ?? 1;
  return [elementCount(shape) / c, c];
};

/** Every kernel of the reference back end. */
export const kernels: { readonly [K in OpName]: ReferenceKernel<K> } = {
  conv2d: ({ outputs: [y], inputs: [x, w], outputShapes, inputShapes, attributes }) =>
    conv2dForward(y, x, w, conv2dSizes(inputShapes[0], outputShapes[0], inputShapes[1], attributes)),
  conv2dInputGradient: ({ outputs: [dx], inputs: [dy, w], inputShapes, attributes }) =>
    conv2dInputGradient(dx, dy, w, conv2dSizes(attributes.inputShape, inputShapes[0], inputShapes[1], attributes)),
  conv2dFilterGradient: ({ outputs: [dw], inputs: [x, dy], inputShapes, attributes }) =>
    conv2dFilterGradient(dw, x, dy, conv2dSizes(inputShapes[0], inputShapes[1], attributes.kernel, attributes)),

  depthwiseConv2d: ({ outputs: [y], inputs: [x, w], outputShapes, inputShapes, attributes }) =>
    depthwiseConv2dForward(y, x, w, channelwiseSizes(inputShapes[0], outputShapes[0], inputShapes[1], attributes)),
  depthwiseConv2dInputGradient: ({ outputs: [dx], inputs: [dy, w], inputShapes: [yShape, wShape], attributes }) =>
    depthwiseConv2dInputGradient(dx, dy, w, channelwiseSizes(attributes.inputShape, yShape, wShape, attributes)),
  depthwiseConv2dFilterGradient: ({ outputs: [dw], inputs: [x, dy], inputShapes: [xShape, yShape], attributes }) =>
    depthwiseConv2dFilterGradient(dw, x, dy, channelwiseSizes(xShape, yShape, attributes.kernel, attributes)),

  matmul: ({ outputs: [y], inputs: [a, b], outputShapes: [[m, n]], inputShapes: [aShape], attributes }) =>
    matmulForward(y, a, b, { m, k: attributes.transposeA ? aShape[0] : aShape[1], n, ...attributes }),
  bias: ({ outputs: [y], inputs: [x, b], outputShapes }) => biasForward(y, x, b, ...rowsOf(outputShapes[0])),
  sumRows: ({ outputs: [y], inputs: [x], inputShapes }) => sumRowsForward(y, x, ...rowsOf(inputShapes[0])),
  add: ({ outputs: [y], inputs: [a, b] }) => addForward(y, a, b, y.length),
  multiply: ({ outputs: [y], inputs: [a, b] }) => multiplyForward(y, a, b, y.length),
  scale: ({ outputs: [y], inputs: [x], attributes }) => scaleForward(y, x, y.length, attributes.factor),
  relu: ({ outputs: [y], inputs: [x] }) => reluForward(y, x, y.length),
  reluGradient: ({ outputs: [dx], inputs: [y, dy] }) => reluGradient(dx, y, dy, dx.length),
  gelu: ({ outputs: [y], inputs: [x] }) => geluForward(y, x, y.length),
  geluGradient: ({ outputs: [dx], inputs: [x, dy] }) => geluGradient(dx, x, dy, dx.length),
  sigmoid: ({ outputs: [y], inputs: [x] }) => sigmoidForward(y, x, y.length),
  sigmoidGradient: ({ outputs: [dx], inputs: [y, dy] }) => sigmoidGradient(dx, y, dy, dx.length),
  hardSwish: ({ outputs: [y], inputs: [x] }) => hardSwishForward(y, x, y.length),
  hardSwishGradient: ({ outputs: [dx], inputs: [x, dy] }) => hardSwishGradient(dx, x, dy, dx.length),
  unary: ({ outputs: [y], inputs: [x], attributes }) => unaryForward(y, x, y.length, attributes),
  binary: ({ outputs: [y], inputs: [a, b], outputShapes, inputShapes, attributes }) =>
    binaryForward(y, a, b, outputShapes[0], inputShapes[0], inputShapes[1], attributes.kind),
  reduce: ({ outputs: [y], inputs: [x], inputShapes, attributes }) =>
    reduceForward(y, x, inputShapes[0], attributes.axes, attributes.kind),
  batchMatmul: ({ outputs: [y], inputs: [a, b], outputShapes: [[batch, m, n]], inputShapes: [[, , k]] }) =>
    batchMatmulForward(y, a, b, batch, { m, k, n }),
  softmax: ({ outputs: [y], inputs: [x], outputShapes }) => softmaxForward(y, x, ...rowsOf(outputShapes[0])),
  softmaxGradient: ({ outputs: [dx], inputs: [y, dy], outputShapes }) =>
    softmaxGradient(dx, y, dy, ...rowsOf(outputShapes[0])),

  batchNorm: ({ outputs: [y], inputs: [x, mean, variance, gamma, beta], outputShapes, attributes }) =>
    batchNormForward(y, x, mean, variance, gamma, beta, ...rowsOf(outputShapes[0]), attributes.epsilon),
  batchNormTraining: ({ outputs: [y, mean, variance], inputs: [x, gamma, beta], outputShapes, attributes }) =>
    batchNormTrainingForward(y, mean, variance, x, gamma, beta, ...rowsOf(outputShapes[0]), attributes.epsilon),
  batchNormTrainingGradient: ({ outputs, inputs: [dy, x, mean, variance, gamma], outputShapes, attributes }) => {
    const [dx, dgamma, dbeta] = outputs;
    const [rows, c] = rowsOf(outputShapes[0]);
    batchNormTrainingGradient(dx, dgamma, dbeta, dy, x, mean, variance, gamma, rows, c, attributes.epsilon);
  },
  layerNorm: ({ outputs: [y], inputs: [x, gamma, beta], outputShapes, attributes }) =>
    layerNormForward(y, x, gamma, beta, ...rowsOf(outputShapes[0]), attributes.epsilon),
  layerNormGradient: ({ outputs: [dx, dgamma, dbeta], inputs: [dy, x, gamma], outputShapes, attributes }) =>
    layerNormGradient(dx, dgamma, dbeta, dy, x, gamma, ...rowsOf(outputShapes[0]), attributes.epsilon),

  maxPool: ({ outputs: [y], inputs: [x], outputShapes, inputShapes, attributes }) =>
    poolForward(y, x, channelwiseSizes(inputShapes[0], outputShapes[0], attributes.kernel, attributes), 1, 0),
  maxPoolGradient: ({ outputs: [dx], inputs: [dy, x], inputShapes: [yShape, xShape], attributes }) =>
    poolGradient(dx, dy, x, channelwiseSizes(xShape, yShape, attributes.kernel, attributes), 1, 0),
  averagePool: ({ outputs: [y], inputs: [x], outputShapes, inputShapes, attributes }) =>
    poolForward(y, x, channelwiseSizes(inputShapes[0], outputShapes[0], attributes.kernel, attributes), 0, 1),
  averagePoolGradient: ({ outputs: [dx], inputs: [dy], inputShapes: [yShape], attributes }) =>
    poolGradient(
      dx,
      dy,
      undefined,
      channelwiseSizes(attributes.inputShape, yShape, attributes.kernel, attributes),
      0,
      1,
    ),
  mixPool: ({ outputs: [y], inputs: [x], outputShapes, inputShapes, attributes }) =>
    poolForward(y, x, channelwiseSizes(inputShapes[0], outputShapes[0], attributes.kernel, attributes), 0.5, 0.5),
  mixPoolGradient: ({ outputs: [dx], inputs: [dy, x], inputShapes: [yShape, xShape], attributes }) =>
    poolGradient(dx, dy, x, channelwiseSizes(xShape, yShape, attributes.kernel, attributes), 0.5, 0.5),
  globalAveragePool: ({ outputs: [y], inputs: [x], inputShapes: [[n, height, width, c]] }) =>
    globalAveragePoolForward(y, x, n, height * width, c),
  globalAveragePoolGradient: ({ outputs: [dx], inputs: [dy], outputShapes: [[n, height, width, c]] }) =>
    globalAveragePoolGradient(dx, dy, n, height * width, c),

  attention: ({ outputs: [y, logSumExp], inputs: [q, k, v], inputShapes, attributes }) =>
    attentionForward(y, logSumExp, q, k, v, attentionSizes(inputShapes[0], attributes)),
  attentionGradient: ({ outputs: [dq, dk, dv], inputs: [dy, q, k, v, y, logSumExp], inputShapes, attributes }) =>
    attentionGradient(dq, dk, dv, dy, q, k, v, y, logSumExp, attentionSizes(inputShapes[0], attributes)),

  linearAttention: ({ outputs: [y], inputs: [q, k, v], inputShapes, attributes }) =>
    linearAttentionForward(y, q, k, v, linearAttentionSizes(inputShapes[0], attributes)),
  linearAttentionGradient: ({ outputs: [dq, dk, dv], inputs: [dy, q, k, v, y], inputShapes, attributes }) =>
    linearAttentionGradient(dq, dk, dv, dy, q, k, v, y, linearAttentionSizes(inputShapes[0], attributes)),

  reshape: ({ outputs: [y], inputs: [x] }) => reshapeForward(y, x),
  concat: ({ outputs: [y], inputs, outputShapes, inputShapes, attributes }) =>
    concatForward(y, inputs, outputShapes[0], inputShapes, concatStarts(inputShapes, attributes.axis)),
  slice: ({ outputs: [y], inputs: [x], inputShapes, attributes: { start, size } }) =>
    sliceForward(y, x, inputShapes[0], start, size),
  gather: ({ outputs: [y], inputs: [x], inputShapes, attributes: { axis, indices } }) =>
    gatherForward(y, x, inputShapes[0], axis, indices),
  pad: ({ outputs: [y], inputs: [x], outputShapes, inputShapes, attributes: { before, value } }) =>
    padForward(y, x, outputShapes[0], inputShapes[0], before, value),
  transpose: ({ outputs: [y], inputs: [x], inputShapes, attributes }) =>
    transposeForward(y, x, inputShapes[0], attributes.permutation),
  fakeQuantize: ({ outputs: [y], inputs: [x, extent], inputShapes, attributes }) =>
    fakeQuantizeForward(y, x, extent, rowsOf(inputShapes[0])[1], attributes.perChannel),
  fakeQuantizeGradient: ({ outputs: [dx], inputs: [x, extent, dy], inputShapes, attributes }) =>
    fakeQuantizeGradient(dx, x, extent, dy, rowsOf(inputShapes[0])[1], attributes.perChannel),
  extent: ({ outputs: [y], inputs: [x], inputShapes, attributes }) =>
    extentForward(y, x, rowsOf(inputShapes[0])[1], attributes.perChannel),
  dropout: ({ outputs: [y], inputs: [x, seed], attributes }) => dropoutForward(y, x, seed, y.length, attributes),

  crossEntropy: ({ outputs: [loss, probabilities], inputs: [logits, labels], inputShapes: [[n, c]], attributes }) =>
    crossEntropyForward(loss, probabilities, logits, labels, n, c, attributes.smoothing),
  crossEntropyGradient: ({ outputs: [dlogits], inputs: [probabilities, labels, dloss], outputShapes, attributes }) =>
    crossEntropyGradient(dlogits, probabilities, labels, dloss, ...rowsOf(outputShapes[0]), attributes.smoothing),
  mean: ({ outputs: [y], inputs: [x] }) => meanForward(y, x, x.length),
  meanGradient: ({ outputs: [dx], inputs: [dy] }) => meanGradient(dx, dy, dx.length),

  sumOfSquares: ({ outputs: [y], inputs }) => sumOfSquaresForward(y, inputs),
  clipFactor: ({ outputs: [y], inputs: [sumOfSquares], attributes }) =>
    clipFactorForward(y, sumOfSquares, attributes.maxNorm),
  movingAverage: ({ outputs: [y], inputs: [running, value], attributes }) =>
    movingAverageForward(y, running, value, y.length, attributes),
  exponentialMovingAverage: ({ outputs: [y], inputs: [average, value, step], attributes }) =>
    exponentialMovingAverageForward(y, average, value, step, y.length, attributes),
  adamW: ({ outputs: [nextP, nextM, nextV], inputs: [p, g, m, v, learningRate, step, gradientFactor], attributes }) =>
    adamWForward(nextP, nextM, nextV, p, g, m, v, learningRate, step, gradientFactor, p.length, attributes),
  sgd: ({ outputs: [nextP, nextVelocity], inputs: [p, g, velocity, learningRate, gradientFactor], attributes }) =>
    sgdForward(nextP, nextVelocity, p, g, velocity, learningRate, gradientFactor, p.length, attributes),
};
