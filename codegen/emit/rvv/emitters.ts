import { conv2d } from "./conv2d.ts";
import { depthwiseConv2d } from "./depthwise-conv2d.ts";
import type { VectorEmitters } from "./emitter.ts";
import { matmul } from "./matmul.ts";

/** Ops that have kernels with RISC-V's vector instructions, in float32. */
export const vectorEmitters: VectorEmitters = { conv2d, depthwiseConv2d, matmul };
