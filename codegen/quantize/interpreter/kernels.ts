import type { QuantizedOp } from "../graph.ts";
import { attention } from "./attention.ts";
import { concat, constant, lookup, pad, reshape, slice, transpose } from "./box.ts";
import { conv2d } from "./conv2d.ts";
import { depthwiseConv2d } from "./depthwise-conv2d.ts";
import { add, affine, multiply } from "./elementwise.ts";
import { dequantize, quantize } from "./float.ts";
import { layerNorm } from "./layer-norm.ts";
import { linearAttention } from "./linear-attention.ts";
import { matmul, product } from "./matmul.ts";
import type { Kernel } from "./operand.ts";
import { averagePool, globalAveragePool, maxPool, mixPool } from "./pool.ts";
import { softmax } from "./softmax.ts";

/** Every op of a quantised graph but the float ones, as docs/int8.md defines it. */
export const kernels: { readonly [K in Exclude<QuantizedOp, "float32">]: Kernel<K> } = {
  add,
  affine,
  attention,
  averagePool,
  concat,
  constant,
  conv2d,
  depthwiseConv2d,
  dequantize,
  globalAveragePool,
  layerNorm,
  linearAttention,
  lookup,
  matmul,
  maxPool,
  mixPool,
  multiply,
  pad,
  product,
  quantize,
  reshape,
  slice,
  softmax,
  transpose,
};
