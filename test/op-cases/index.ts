import { activationCases } from "./activation.ts";
import { attentionCases } from "./attention.ts";
import type { OpCase } from "./case.ts";
import { batchMatmulCases } from "./batch-matmul.ts";
import { binaryCases } from "./binary.ts";
import { chainCases } from "./chains.ts";
import { concatCases, padCases, sliceCases } from "./concat.ts";
import { conv2dCases } from "./conv2d.ts";
import { crossEntropyCases } from "./cross-entropy.ts";
import { depthwiseConv2dCases } from "./depthwise-conv2d.ts";
import { dropoutCases } from "./dropout.ts";
import { elementwiseCases } from "./elementwise.ts";
import { fakeQuantizeCases } from "./fake-quantize.ts";
import { gatherCases } from "./gather.ts";
import { layoutCases } from "./layout.ts";
import { linearAttentionCases } from "./linear-attention.ts";
import { matmulCases } from "./matmul.ts";
import { normalizeCases } from "./normalize.ts";
import { optimizeCases } from "./optimize.ts";
import { poolCases } from "./pool.ts";
import { reduceCases } from "./reduce.ts";
import { reduceAxesCases } from "./reduce-axes.ts";
import { softmaxCases } from "./softmax.ts";
import { unaryCases } from "./unary.ts";

/** All op cases by family. */
export const opCases = {
  activation: activationCases,
  attention: attentionCases,
  batchMatmul: batchMatmulCases,
  binary: binaryCases,
  chains: chainCases,
  concat: concatCases,
  conv2d: conv2dCases,
  crossEntropy: crossEntropyCases,
  depthwiseConv2d: depthwiseConv2dCases,
  dropout: dropoutCases,
  elementwise: elementwiseCases,
  fakeQuantize: fakeQuantizeCases,
  gather: gatherCases,
  layout: layoutCases,
  linearAttention: linearAttentionCases,
  matmul: matmulCases,
  normalize: normalizeCases,
  optimize: optimizeCases,
  pad: padCases,
  pool: poolCases,
  reduce: reduceCases,
  reduceAxes: reduceAxesCases,
  slice: sliceCases,
  softmax: softmaxCases,
  unary: unaryCases,
} satisfies Readonly<Record<string, readonly OpCase[]>>;

export type Family = keyof typeof opCases;
export const families = Object.keys(opCases) as Family[];
