import { weightedConvolution } from "../weighted-convolution.ts";
import type { VectorEmitter } from "./emitter.ts";
import { hasVectorEpilogue } from "./epilogue.ts";
import { emitVectorConvolution } from "./register-tile.ts";

export const matmul: VectorEmitter<"matmul"> = {
  applies: hasVectorEpilogue,
  emit: (call) => emitVectorConvolution(call, "matmul", weightedConvolution(call)),
};
