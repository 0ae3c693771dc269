import { attention } from "./attention.ts";
import { conv2d } from "./conv2d.ts";
import { depthwiseConv2d } from "./depthwise-conv2d.ts";
import type { VectorEmitters } from "./emitter.ts";
import { matmul } from "./matmul.ts";

/** Ops that have kernels with RISC-V's vector instructions, in integers. */
export const vectorEmitters: VectorEmitters = { attention, conv2d, depthwiseConv2d, matmul };
