import type { Shape } from "../shape.ts";
import { attentionGradientShape, attentionShape } from "./attention.ts";
import { concatShape, padShape, sliceShape } from "./concat.ts";
import {
  conv2dFilterGradientShape,
  conv2dInputGradientShape,
  conv2dShape,
  depthwiseConv2dFilterGradientShape,
  depthwiseConv2dInputGradientShape,
  depthwiseConv2dShape,
} from "./conv2d.ts";
import { binaryKindShape } from "./binary.ts";
import { crossEntropyShape } from "./cross-entropy.ts";
import { dropoutShape } from "./dropout.ts";
import { binaryShape, unaryShape } from "./elementwise.ts";
import { extentShape, fakeQuantizeShape } from "./fake-quantize.ts";
import { gatherShape } from "./gather.ts";
import { linearAttentionShape } from "./linear-attention.ts";
import { reshapeShape, transposeShape } from "./layout.ts";
import { batchMatmulShape } from "./batch-matmul.ts";
import { biasShape, matmulShape } from "./matmul.ts";
import {
  batchNormShape,
  batchNormTrainingGradientShape,
  batchNormTrainingShape,
  layerNormGradientShape,
  layerNormShape,
} from "./normalize.ts";
import { adamWShape, sgdShape } from "./optimize.ts";
import {
  averagePoolGradientShape,
  globalAveragePoolShape,
  inputShapeOf,
  poolGradientShape,
  poolShape,
} from "./pool.ts";
import { scalarShape, sumRowsShape } from "./reduce.ts";
import { reduceShape } from "./reduce-axes.ts";
import { unaryKindShape } from "./unary.ts";
import type { Attributes, OpName } from "./vocabulary.ts";

/** Gives the output shapes of an op. @throws ShapeError when it cannot take these inputs. */
export type ShapeRule<K extends OpName> = (inputs: readonly Shape[], attributes: Attributes<K>) => Shape[];

export const shapeRules: { readonly [K in OpName]: ShapeRule<K> } = {
  conv2d: conv2dShape,
  conv2dInputGradient: conv2dInputGradientShape,
  conv2dFilterGradient: conv2dFilterGradientShape,
  depthwiseConv2d: depthwiseConv2dShape,
  depthwiseConv2dInputGradient: depthwiseConv2dInputGradientShape,
  depthwiseConv2dFilterGradient: depthwiseConv2dFilterGradientShape,
  matmul: matmulShape,
  bias: biasShape,
  sumRows: sumRowsShape,
  add: binaryShape("add"),
  multiply: binaryShape("multiply"),
  scale: unaryShape,
  relu: unaryShape,
  reluGradient: binaryShape("reluGradient"),
  gelu: unaryShape,
  geluGradient: binaryShape("geluGradient"),
  sigmoid: unaryShape,
  sigmoidGradient: binaryShape("sigmoidGradient"),
  hardSwish: unaryShape,
  hardSwishGradient: binaryShape("hardSwishGradient"),
  unary: unaryKindShape,
  binary: binaryKindShape,
  reduce: reduceShape,
  batchMatmul: batchMatmulShape,
  softmax: unaryShape,
  softmaxGradient: binaryShape("softmaxGradient"),
  batchNorm: batchNormShape,
  batchNormTraining: batchNormTrainingShape,
  batchNormTrainingGradient: batchNormTrainingGradientShape,
  layerNorm: layerNormShape,
  layerNormGradient: layerNormGradientShape,
  maxPool: poolShape("maxPool"),
  maxPoolGradient: poolGradientShape("maxPoolGradient"),
  averagePool: poolShape("averagePool"),
  averagePoolGradient: averagePoolGradientShape,
  mixPool: poolShape("mixPool"),
  mixPoolGradient: poolGradientShape("mixPoolGradient"),
  globalAveragePool: globalAveragePoolShape,
  globalAveragePoolGradient: inputShapeOf,
  attention: attentionShape,
  attentionGradient: attentionGradientShape,
  linearAttention: linearAttentionShape,
  linearAttentionGradient: attentionGradientShape,
  reshape: reshapeShape,
  concat: concatShape,
  slice: sliceShape,
  gather: gatherShape,
  pad: padShape,
  transpose: transposeShape,
  fakeQuantize: fakeQuantizeShape,
  fakeQuantizeGradient: fakeQuantizeShape,
  extent: extentShape,
  dropout: dropoutShape,
  crossEntropy: crossEntropyShape,
  crossEntropyGradient: unaryShape,
  mean: scalarShape,
  meanGradient: inputShapeOf,
  sumOfSquares: scalarShape,
  clipFactor: scalarShape,
  movingAverage: binaryShape("movingAverage"),
  exponentialMovingAverage: binaryShape("exponentialMovingAverage"),
  adamW: adamWShape,
  sgd: sgdShape,
};
