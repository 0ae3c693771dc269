import type { Attributes, OpName } from "../../engine/ops/vocabulary.ts";
import { elementCount, type Shape } from "../../engine/shape.ts";
import { attentionSizes, linearAttentionSizes } from "../heads.ts";
import { windowSizes } from "../window.ts";
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
import { concatForward, gatherForward, padForward, sliceForward } from "./box.ts";
import { conv2dFilterGradient, conv2dForward, conv2dInputGradient, type Conv2dSizes } from "./conv2d.ts";
import { crossEntropyForward, crossEntropyGradient } from "./cross-entropy.ts";
import {
  depthwiseConv2dFilterGradient,
  depthwiseConv2dForward,
  depthwiseConv2dInputGradient,
  type DepthwiseSizes,
} from "./depthwise-conv2d.ts";
import { dropoutForward } from "./dropout.ts";
import { addForward, meanGradient, multiplyForward, reluForward, reluGradient, scaleForward } from "./elementwise.ts";
import type { Emitter, Value } from "./emitter.ts";
import { extentForward, fakeQuantizeForward, fakeQuantizeGradient } from "./fake-quantize.ts";
import { transposeForward } from "./layout.ts";
import { linearAttentionForward, linearAttentionGradient } from "./linear-attention.ts";
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
import { meanForward, sumOfSquaresForward, sumRowsForward } from "./reduce.ts";
import { reduceForward } from "./reduce-axes.ts";
import { logSumExp, softmaxForward, softmaxGradient } from "./softmax.ts";
import { unaryForward } from "./unary.ts";

/** One op of a graph: its operands on the device, all shapes, and the op's attributes. */
interface GpuCall<K extends OpName> {
  readonly emit: Emitter;
  readonly inputs: readonly Value[];
  readonly inputShapes: readonly Shape[];
  readonly outputShapes: readonly Shape[];
  readonly attributes: Attributes<K>;
}

/** Writes the kernels of one op and gives its outputs; those behind the ones that the graph has are dropped. */
export type GpuLowering<K extends OpName> = (call: GpuCall<K>) => readonly Value[];

type SlidingAttributes = Parameters<typeof windowSizes>[3];

const conv2dSizes = (x: Shape, y: Shape, kernel: Shape, attributes: Attributes<"conv2d">): Conv2dSizes => ({
  ...windowSizes(x, y, kernel, attributes),
  ci: x[3]!,
  co: y[3]!,
  groups: attributes.groups,
});

const channelwiseSizes = (
  x: Shape,
  y: Shape,
  kernel: Shape,
  attributes: SlidingAttributes,
): DepthwiseSizes & PoolSizes => ({ ...windowSizes(x, y, kernel, attributes), c: x[3]! });

/** The last axis, and the product of all others. */
const rowsOf = (shape: Shape): readonly [rows: number, c: number] => {
  const c = shape.at(-1) ?? 1;
  return [elementCount(shape) / c, c];
};

/** Every kernel of the gpu back end. */
export const kernels: { readonly [K in OpName]: GpuLowering<K> } = {
  conv2d: ({ emit, inputs: [x, w], inputShapes, outputShapes, attributes }) => [
    conv2dForward(emit, x!, w!, conv2dSizes(inputShapes[0]!, outputShapes[0]!, inputShapes[1]!, attributes)),
  ],
  conv2dInputGradient: ({ emit, inputs: [dy, w], inputShapes, attributes }) => [
    conv2dInputGradient(
      emit,
      dy!,
      w!,
      conv2dSizes(attributes.inputShape, inputShapes[0]!, inputShapes[1]!, attributes),
    ),
  ],
  conv2dFilterGradient: ({ emit, inputs: [x, dy], inputShapes, attributes }) => [
    conv2dFilterGradient(emit, x!, dy!, conv2dSizes(inputShapes[0]!, inputShapes[1]!, attributes.kernel, attributes)),
  ],

  depthwiseConv2d: ({ emit, inputs: [x, w], inputShapes, outputShapes, attributes }) => [
    depthwiseConv2dForward(
      emit,
      x!,
      w!,
      channelwiseSizes(inputShapes[0]!, outputShapes[0]!, inputShapes[1]!, attributes),
    ),
  ],
  depthwiseConv2dInputGradient: ({ emit, inputs: [dy, w], inputShapes: [yShape, wShape], attributes }) => [
    depthwiseConv2dInputGradient(emit, dy!, w!, channelwiseSizes(attributes.inputShape, yShape!, wShape!, attributes)),
  ],
  depthwiseConv2dFilterGradient: ({ emit, inputs: [x, dy], inputShapes: [xShape, yShape], attributes }) => [
    depthwiseConv2dFilterGradient(emit, x!, dy!, channelwiseSizes(xShape!, yShape!, attributes.kernel, attributes)),
  ],

  matmul: ({ emit, inputs: [a, b], inputShapes: [aShape], outputShapes, attributes }) => {
    const [m, n] = outputShapes[0]!;
    return [matmulForward(emit, a!, b!, { m: m!, k: aShape![attributes.transposeA ? 0 : 1]!, n: n!, ...attributes })];
  },
  bias: ({ emit, inputs: [x, b] }) => [biasForward(emit, x!, b!)],
  sumRows: ({ emit, inputs: [x], inputShapes }) => [sumRowsForward(emit, x!, ...rowsOf(inputShapes[0]!))],
  add: ({ emit, inputs: [a, b] }) => [addForward(emit, a!, b!)],
  multiply: ({ emit, inputs: [a, b] }) => [multiplyForward(emit, a!, b!)],
  scale: ({ emit, inputs: [x], attributes }) => [scaleForward(emit, x!, attributes.factor)],
  relu: ({ emit, inputs: [x] }) => [reluForward(emit, x!)],
  reluGradient: ({ emit, inputs: [y, dy] }) => [reluGradient(emit, y!, dy!)],
  gelu: ({ emit, inputs: [x] }) => [geluForward(emit, x!)],
  geluGradient: ({ emit, inputs: [x, dy] }) => [geluGradient(emit, x!, dy!)],
  sigmoid: ({ emit, inputs: [x] }) => [sigmoidForward(emit, x!)],
  sigmoidGradient: ({ emit, inputs: [y, dy] }) => [sigmoidGradient(emit, y!, dy!)],
  hardSwish: ({ emit, inputs: [x] }) => [hardSwishForward(emit, x!)],
  hardSwishGradient: ({ emit, inputs: [x, dy] }) => [hardSwishGradient(emit, x!, dy!)],
  unary: ({ emit, inputs: [x], attributes }) => [unaryForward(emit, x!, attributes)],
  binary: ({ emit, inputs: [a, b], inputShapes, outputShapes, attributes }) => [
    binaryForward(emit, a!, b!, outputShapes[0]!, inputShapes[0]!, inputShapes[1]!, attributes.kind),
  ],
  reduce: ({ emit, inputs: [x], inputShapes, attributes }) => [
    reduceForward(emit, x!, inputShapes[0]!, attributes.axes, attributes.kind),
  ],
  batchMatmul: ({ emit, inputs: [a, b], inputShapes, outputShapes }) => {
    const [batch, m, n] = outputShapes[0]!;
    return [batchMatmulForward(emit, a!, b!, batch!, { m: m!, k: inputShapes[0]![2]!, n: n! })];
  },
  softmax: ({ emit, inputs: [x], inputShapes }) => {
    const [rows, c] = rowsOf(inputShapes[0]!);
    return [softmaxForward(emit, x!, logSumExp(emit, x!, rows, c), c)];
  },
  softmaxGradient: ({ emit, inputs: [y, dy], inputShapes }) => [
    softmaxGradient(emit, y!, dy!, ...rowsOf(inputShapes[0]!)),
  ],

  batchNorm: ({ emit, inputs: [x, mean, variance, gamma, beta], inputShapes, attributes }) => [
    batchNormForward(emit, x!, mean!, variance!, gamma, beta, rowsOf(inputShapes[0]!)[1], attributes.epsilon),
  ],
  batchNormTraining: ({ emit, inputs: [x, gamma, beta], inputShapes, attributes }) =>
    batchNormTrainingForward(emit, x!, gamma, beta, ...rowsOf(inputShapes[0]!), attributes.epsilon),
  batchNormTrainingGradient: ({ emit, inputs: [dy, x, mean, variance, gamma], inputShapes, attributes }) => {
    const [rows, c] = rowsOf(inputShapes[0]!);
    return batchNormTrainingGradient(emit, dy!, x!, mean!, variance!, gamma, rows, c, attributes.epsilon);
  },
  layerNorm: ({ emit, inputs: [x, gamma, beta], inputShapes, attributes }) => [
    layerNormForward(emit, x!, gamma, beta, ...rowsOf(inputShapes[0]!), attributes.epsilon),
  ],
  layerNormGradient: ({ emit, inputs: [dy, x, gamma], inputShapes, attributes }) =>
    layerNormGradient(emit, dy!, x!, gamma, ...rowsOf(inputShapes[0]!), attributes.epsilon),

  maxPool: ({ emit, inputs: [x], inputShapes, outputShapes, attributes }) => [
    poolForward(emit, x!, channelwiseSizes(inputShapes[0]!, outputShapes[0]!, attributes.kernel, attributes), 1, 0),
  ],
  maxPoolGradient: ({ emit, inputs: [dy, x], inputShapes: [yShape, xShape], attributes }) => [
    poolGradient(emit, dy!, x!, channelwiseSizes(xShape!, yShape!, attributes.kernel, attributes), 1, 0),
  ],
  averagePool: ({ emit, inputs: [x], inputShapes, outputShapes, attributes }) => [
    poolForward(emit, x!, channelwiseSizes(inputShapes[0]!, outputShapes[0]!, attributes.kernel, attributes), 0, 1),
  ],
  averagePoolGradient: ({ emit, inputs: [dy], inputShapes: [yShape], attributes }) => [
    poolGradient(
      emit,
      dy!,
      undefined,
      channelwiseSizes(attributes.inputShape, yShape!, attributes.kernel, attributes),
      0,
      1,
    ),
  ],
  mixPool: ({ emit, inputs: [x], inputShapes, outputShapes, attributes }) => [
    poolForward(emit, x!, channelwiseSizes(inputShapes[0]!, outputShapes[0]!, attributes.kernel, attributes), 0.5, 0.5),
  ],
  mixPoolGradient: ({ emit, inputs: [dy, x], inputShapes: [yShape, xShape], attributes }) => [
    poolGradient(emit, dy!, x!, channelwiseSizes(xShape!, yShape!, attributes.kernel, attributes), 0.5, 0.5),
  ],
  globalAveragePool: ({ emit, inputs: [x], inputShapes }) => {
    const [n, height, width, c] = inputShapes[0]!;
    return [globalAveragePoolForward(emit, x!, n!, height! * width!, c!)];
  },
  globalAveragePoolGradient: ({ emit, inputs: [dy], outputShapes }) => {
    const [n, height, width, c] = outputShapes[0]!;
    return [globalAveragePoolGradient(emit, dy!, n!, height! * width!, c!)];
  },

  attention: ({ emit, inputs: [q, k, v], inputShapes, attributes }) =>
    attentionForward(emit, q!, k!, v!, attentionSizes(inputShapes[0]!, attributes)),
  attentionGradient: ({ emit, inputs: [dy, q, k, v, y, logSumExp], inputShapes, attributes }) =>
    attentionGradient(emit, dy!, q!, k!, v!, y!, logSumExp!, attentionSizes(inputShapes[0]!, attributes)),
  linearAttention: ({ emit, inputs: [q, k, v], inputShapes, attributes }) => [
    linearAttentionForward(emit, q!, k!, v!, linearAttentionSizes(inputShapes[0]!, attributes)),
  ],
  linearAttentionGradient: ({ emit, inputs: [dy, q, k, v, y], inputShapes, attributes }) =>
    linearAttentionGradient(emit, dy!, q!, k!, v!, y!, linearAttentionSizes(inputShapes[0]!, attributes)),

  reshape: ({ inputs: [x] }) => [x!],
  concat: ({ emit, inputs, outputShapes, attributes: { axis } }) => [
    concatForward(emit, inputs, outputShapes[0]!, axis),
  ],
  slice: ({ emit, inputs: [x], inputShapes, attributes: { start, size } }) => [
    sliceForward(emit, x!, inputShapes[0]!, start, size),
  ],
  gather: ({ emit, inputs: [x], inputShapes, attributes: { axis, indices } }) => [
    gatherForward(emit, x!, inputShapes[0]!, axis, indices),
  ],
  pad: ({ emit, inputs: [x], inputShapes, outputShapes, attributes: { before, value } }) => [
    padForward(emit, x!, outputShapes[0]!, inputShapes[0]!, before, value),
  ],
  transpose: ({ emit, inputs: [x], inputShapes, attributes: { permutation } }) => [
    transposeForward(emit, x!, inputShapes[0]!, permutation),
  ],
  fakeQuantize: ({ emit, inputs: [x, extent], inputShapes, attributes }) => [
    fakeQuantizeForward(emit, x!, extent!, rowsOf(inputShapes[0]!)[1], attributes.perChannel),
  ],
  fakeQuantizeGradient: ({ emit, inputs: [x, extent, dy], inputShapes, attributes }) => [
    fakeQuantizeGradient(emit, x!, extent!, dy!, rowsOf(inputShapes[0]!)[1], attributes.perChannel),
  ],
  extent: ({ emit, inputs: [x], inputShapes, attributes }) => [
    extentForward(emit, x!, ...rowsOf(inputShapes[0]!), attributes.perChannel),
  ],
  dropout: ({ emit, inputs: [x, seed], attributes }) => [dropoutForward(emit, x!, seed!, attributes)],

  crossEntropy: ({ emit, inputs: [logits, labels], inputShapes, attributes }) =>
    crossEntropyForward(emit, logits!, labels!, ...rowsOf(inputShapes[0]!), attributes.smoothing),
  crossEntropyGradient: ({ emit, inputs: [probabilities, labels, dloss], inputShapes, attributes }) => [
    crossEntropyGradient(emit, probabilities!, labels!, dloss!, ...rowsOf(inputShapes[0]!), attributes.smoothing),
  ],
  mean: ({ emit, inputs: [x] }) => [meanForward(emit, x!)],
  meanGradient: ({ emit, inputs: [dy], outputShapes }) => [meanGradient(emit, dy!, elementCount(outputShapes[0]!))],

  sumOfSquares: ({ emit, inputs }) => [sumOfSquaresForward(emit, inputs)],
  clipFactor: ({ emit, inputs: [sumOfSquares], attributes }) => [
    clipFactorForward(emit, sumOfSquares!, attributes.maxNorm),
  ],
  movingAverage: ({ emit, inputs: [running, value], attributes }) => [
    movingAverageForward(emit, running!, value!, attributes),
  ],
  exponentialMovingAverage: ({ emit, inputs: [average, value, step], attributes }) => [
    exponentialMovingAverageForward(emit, average!, value!, step!, attributes),
  ],
  adamW: ({ emit, inputs: [p, g, m, v, learningRate, step, gradientFactor], attributes }) =>
    adamWForward(emit, p!, g!, m!, v!, learningRate!, step!, gradientFactor, attributes),
  sgd: ({ emit, inputs: [p, g, velocity, learningRate, gradientFactor], attributes }) =>
    sgdForward(emit, p!, g!, velocity!, learningRate!, gradientFactor, attributes),
};
