import type { QuantizedOp } from "../../quantize/graph.ts";
import { attention } from "./attention.ts";
import { pad, slice, transpose } from "./box.ts";
import { concat } from "./concat.ts";
import { conv2d } from "./conv2d.ts";
import { depthwiseConv2d } from "./depthwise-conv2d.ts";
import { add, affine, multiply } from "./elementwise.ts";
import type { IntegerEmitter } from "./emitter.ts";
import { dequantize, quantize } from "./float-border.ts";
import { globalAveragePool } from "./global-average-pool.ts";
import { layerNorm } from "./layer-norm.ts";
import { linearAttention } from "./linear-attention.ts";
import { lookup } from "./lookup.ts";
import { matmul } from "./matmul.ts";
import { averagePool, maxPool, mixPool } from "./pool.ts";
import { product } from "./product.ts";
import { withVectors } from "./rvv/emitter.ts";
import { vectorEmitters } from "./rvv/emitters.ts";
import { softmax } from "./softmax.ts";

/** Ops that compute something in integers; the others are aliases, tables or layers in float32. */
export type IntegerOp = Exclude<QuantizedOp, "constant" | "float32" | "reshape">;

export type IntegerEmitters = { readonly [K in IntegerOp]: IntegerEmitter<K> };

const scalarEmitters: IntegerEmitters = {
  add,
  affine,
  attention,
  averagePool,
  concat,
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
  slice,
  softmax,
  transpose,
};

export const integerEmitters: IntegerEmitters = withVectors(scalarEmitters, vectorEmitters);
