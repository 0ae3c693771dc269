import { averagePool, mixPool, mixWeight } from "../pool.ts";
import { attention } from "./attention.ts";
import { conv2d } from "./conv2d.ts";
import { depthwiseConv2d } from "./depthwise-conv2d.ts";
import type { VectorEmitters } from "./emitter.ts";
import { matmul } from "./matmul.ts";
import { sharedPoolEmitter } from "./shared-pool.ts";

/** Ops that have kernels with RISC-V's vector instructions, in integers. */
export const vectorEmitters: VectorEmitters = {
  attention,
  averagePool: sharedPoolEmitter(averagePool, () => 0),
  conv2d,
  depthwiseConv2d,
  globalAveragePool: sharedPoolEmitter({}, () => 0),
  matmul,
  mixPool: sharedPoolEmitter(mixPool, mixWeight),
};
