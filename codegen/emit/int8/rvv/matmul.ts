import { emitConvolution } from "./convolution.ts";
import type { VectorEmitter } from "./emitter.ts";
import { hasVectorEpilogue } from "./epilogue.ts";

export const matmul: VectorEmitter<"matmul"> = {
  applies: hasVectorEpilogue,
  emit: emitConvolution,
};
