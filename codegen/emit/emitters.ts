import { add } from "./add.ts";
import { attention } from "./attention.ts";
import { averagePool } from "./average-pool.ts";
import { batchNorm } from "./batch-norm.ts";
import { batchMatmul } from "./batch-matmul.ts";
import { bias } from "./bias.ts";
import { binary } from "./binary.ts";
import { concat } from "./concat.ts";
import { conv2d } from "./conv2d.ts";
import { depthwiseConv2d } from "./depthwise-conv2d.ts";
import type { Emitters } from "./emitter.ts";
import { gather } from "./gather.ts";
import { gelu } from "./gelu.ts";
import { globalAveragePool } from "./global-average-pool.ts";
import { hardSwish } from "./hard-swish.ts";
import { layerNorm } from "./layer-norm.ts";
import { linearAttention } from "./linear-attention.ts";
import { matmul } from "./matmul.ts";
import { maxPool } from "./max-pool.ts";
import { mixPool } from "./mix-pool.ts";
import { multiply } from "./multiply.ts";
import { pad } from "./pad.ts";
import { reduce } from "./reduce.ts";
import { relu } from "./relu.ts";
import { reshape } from "./reshape.ts";
import { withVectors } from "./rvv/emitter.ts";
import { vectorEmitters } from "./rvv/emitters.ts";
import { scale } from "./scale.ts";
import { sigmoid } from "./sigmoid.ts";
import { slice } from "./slice.ts";
import { softmax } from "./softmax.ts";
import { transpose } from "./transpose.ts";
import { unary } from "./unary.ts";

const scalarEmitters: Emitters = {
  add,
  attention,
  averagePool,
  batchMatmul,
  batchNorm,
  bias,
  binary,
  concat,
  conv2d,
  depthwiseConv2d,
  gather,
  gelu,
  globalAveragePool,
  hardSwish,
  layerNorm,
  linearAttention,
  matmul,
  maxPool,
  mixPool,
  multiply,
  pad,
  reduce,
  relu,
  reshape,
  scale,
  sigmoid,
  slice,
  softmax,
  transpose,
  unary,
};

/** Every op that a deployed network can hold, as float32 C. */
export const emitters: Emitters = withVectors(scalarEmitters, vectorEmitters);
