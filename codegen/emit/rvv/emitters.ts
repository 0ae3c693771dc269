import { attention } from "./attention.ts";
import { conv2d } from "./conv2d.ts";
import { depthwiseConv2d } from "./depthwise-conv2d.ts";
import type { VectorEmitters } from "./emitter.ts";
import { layerNorm } from "./layer-norm.ts";
import { matmul } from "./matmul.ts";
import { poolEmitter } from "./pool.ts";
import { softmax } from "./softmax.ts";

/** Ops that have kernels with RISC-V's vector instructions, in float32; clang finds those of a loop over cells itself. */
export const vectorEmitters: VectorEmitters = {
  attention,
  averagePool: poolEmitter("averagePool"),
  conv2d,
  depthwiseConv2d,
  layerNorm,
  matmul,
  maxPool: poolEmitter("maxPool"),
  mixPool: poolEmitter("mixPool"),
  softmax,
};
