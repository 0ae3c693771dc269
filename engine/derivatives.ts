import { add, multiply, scale } from "./ops/elementwise.ts";
import { concatStarts, slice } from "./ops/concat.ts";
import { batchMatmul } from "./ops/batch-matmul.ts";
import { matmul } from "./ops/matmul.ts";
import { reshape, transpose } from "./ops/layout.ts";
import { sumRows } from "./ops/reduce.ts";
import { unsupported, type Attributes, type OpName, type Unsupported } from "./ops/vocabulary.ts";
import { constant, record, recordOne } from "./record.ts";
import type { Pair } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

/** What a derivative rule may use: the op's inputs x, outputs y, attributes, and the gradient dy of its first output. */
interface Recorded<K extends OpName> {
  readonly x: readonly Tensor[];
  readonly y: readonly Tensor[];
  readonly dy: Tensor;
  readonly attributes: Attributes<K>;
}

/** Emits the gradient of each input, `undefined` for inputs that have none (labels, seeds, given statistics). */
export type Derivative<K extends OpName> = (recorded: Recorded<K>) => readonly (Tensor | undefined)[];

const optimizerOp = unsupported("updates of the optimiser are not differentiated");
const secondOrder = unsupported("gradients of gradients are not available");
const imported = unsupported("only imported networks hold it, and these are not trained");
const kernelOf = (w: Tensor): Pair => [w.shape[0]!, w.shape[1]!];

/** Every derivative of the engine. Only the first output of an op is differentiated. */
export const derivatives: { readonly [K in OpName]: Derivative<K> | Unsupported } = {
  conv2d: ({ x: [x, w], dy, attributes }) => [
    recordOne("conv2dInputGradient", [dy, w!], { ...attributes, inputShape: x!.shape }),
    recordOne("conv2dFilterGradient", [x!, dy], { ...attributes, kernel: kernelOf(w!) }),
  ],
  depthwiseConv2d: ({ x: [x, w], dy, attributes }) => [
    recordOne("depthwiseConv2dInputGradient", [dy, w!], { ...attributes, inputShape: x!.shape }),
    recordOne("depthwiseConv2dFilterGradient", [x!, dy], { ...attributes, kernel: kernelOf(w!) }),
  ],
  matmul: ({ x: [a, b], dy, attributes: { transposeA, transposeB } }) => [
    transposeA
      ? matmul(b!, dy, { transposeA: transposeB, transposeB: true })
      : matmul(dy, b!, { transposeB: !transposeB }),
    transposeB
      ? matmul(dy, a!, { transposeA: true, transposeB: transposeA })
      : matmul(a!, dy, { transposeA: !transposeA }),
  ],
  bias: ({ dy }) => [dy, sumRows(dy)],
  add: ({ dy }) => [dy, dy],
  multiply: ({ x: [a, b], dy }) => [multiply(dy, b!), multiply(dy, a!)],
  scale: ({ dy, attributes }) => [scale(dy, attributes.factor)],
  relu: ({ y: [y], dy }) => [recordOne("reluGradient", [y!, dy], {})],
  gelu: ({ x: [x], dy }) => [recordOne("geluGradient", [x!, dy], {})],
  sigmoid: ({ y: [y], dy }) => [recordOne("sigmoidGradient", [y!, dy], {})],
  hardSwish: ({ x: [x], dy }) => [recordOne("hardSwishGradient", [x!, dy], {})],
  unary: imported,
  binary: imported,
  reduce: imported,
  gather: imported,
  batchMatmul: ({ x: [a, b], dy }) => [
    batchMatmul(dy, transpose(b!, [0, 2, 1])),
    batchMatmul(transpose(a!, [0, 2, 1]), dy),
  ],
  softmax: ({ y: [y], dy }) => [recordOne("softmaxGradient", [y!, dy], {})],
  batchNorm: ({ x: [x, mean, variance, gamma], dy, attributes }) => {
    const zero = constant(new Float32Array(mean!.shape[0]!));
    const dx = recordOne("batchNorm", [dy, zero, variance!, ...(gamma ? [gamma, zero] : [])], attributes);
    if (gamma === undefined) return [dx];
    const normalized = recordOne("batchNorm", [x!, mean!, variance!], attributes);
    return [dx, undefined, undefined, sumRows(multiply(dy, normalized)), sumRows(dy)];
  },
  batchNormTraining: ({ x: [x, gamma], y: [, mean, variance], dy, attributes }) =>
    record("batchNormTrainingGradient", [dy, x!, mean!, variance!, ...(gamma ? [gamma] : [])], attributes),
  layerNorm: ({ x: [x, gamma], dy, attributes }) =>
    record("layerNormGradient", [dy, x!, ...(gamma ? [gamma] : [])], attributes),
  maxPool: ({ x: [x], dy, attributes }) => [recordOne("maxPoolGradient", [dy, x!], attributes)],
  averagePool: ({ x: [x], dy, attributes }) => [
    recordOne("averagePoolGradient", [dy], { ...attributes, inputShape: x!.shape }),
  ],
  mixPool: ({ x: [x], dy, attributes }) => [recordOne("mixPoolGradient", [dy, x!], attributes)],
  globalAveragePool: ({ x: [x], dy }) => [recordOne("globalAveragePoolGradient", [dy], { inputShape: x!.shape })],
  attention: ({ x: [q, k, v], y: [y, logSumExp], dy, attributes }) =>
    record("attentionGradient", [dy, q!, k!, v!, y!, logSumExp!], attributes),
  linearAttention: ({ x: [q, k, v], y: [y], dy, attributes }) =>
    record("linearAttentionGradient", [dy, q!, k!, v!, y!], attributes),
  reshape: ({ x: [x], dy }) => [reshape(dy, x!.shape)],
  concat: ({ x, dy, attributes: { axis } }) => {
    const shapes = x.map((part) => part.shape);
    return concatStarts(shapes, axis).map((start, part) => slice(dy, start, shapes[part]!));
  },
  slice: ({ x: [x], dy, attributes: { start, size } }) => {
    const after = x!.shape.map((outer, axis) => outer - start[axis]! - size[axis]!);
    return [recordOne("pad", [dy], { before: start, after, value: 0 })];
  },
  pad: ({ x: [x], dy, attributes: { before } }) => [slice(dy, before, x!.shape)],
  transpose: ({ dy, attributes: { permutation } }) => [
    transpose(
      dy,
      permutation.map((_, axis) => permutation.indexOf(axis)),
    ),
  ],
  fakeQuantize: ({ x: [x, extent], dy, attributes }) => [
    recordOne("fakeQuantizeGradient", [x!, extent!, dy], attributes),
    undefined,
  ],
  extent: unsupported("extents are observed, not trained"),
  dropout: ({ x: [, seed], dy, attributes }) => [recordOne("dropout", [dy, seed!], attributes), undefined],
  crossEntropy: ({ x: [, labels], y: [, probabilities], dy, attributes }) => [
    recordOne("crossEntropyGradient", [probabilities!, labels!, dy], attributes),
    undefined,
  ],
  mean: ({ x: [x], dy }) => [recordOne("meanGradient", [dy], { inputShape: x!.shape })],
  sumRows: secondOrder,
  conv2dInputGradient: secondOrder,
  conv2dFilterGradient: secondOrder,
  depthwiseConv2dInputGradient: secondOrder,
  depthwiseConv2dFilterGradient: secondOrder,
  reluGradient: secondOrder,
  geluGradient: secondOrder,
  sigmoidGradient: secondOrder,
  hardSwishGradient: secondOrder,
  softmaxGradient: secondOrder,
  batchNormTrainingGradient: secondOrder,
  layerNormGradient: secondOrder,
  maxPoolGradient: secondOrder,
  averagePoolGradient: secondOrder,
  mixPoolGradient: secondOrder,
  globalAveragePoolGradient: secondOrder,
  attentionGradient: secondOrder,
  linearAttentionGradient: secondOrder,
  fakeQuantizeGradient: secondOrder,
  crossEntropyGradient: secondOrder,
  meanGradient: secondOrder,
  sumOfSquares: optimizerOp,
  clipFactor: optimizerOp,
  movingAverage: optimizerOp,
  exponentialMovingAverage: optimizerOp,
  adamW: optimizerOp,
  sgd: optimizerOp,
};

/** The gradient of a value used twice is the sum of both. */
export function accumulate(sum: Tensor | undefined, term: Tensor): Tensor {
  return sum === undefined ? term : add(sum, term);
}
