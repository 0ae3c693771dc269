import { conv2d as scalar } from "../conv2d.ts";
import { convolutionInstructions, emitConvolution } from "./convolution.ts";
import type { VectorEmitter } from "./emitter.ts";
import { hasVectorEpilogue } from "./epilogue.ts";

export const conv2d: VectorEmitter<"conv2d"> = {
  applies: hasVectorEpilogue,
  windows: (shapes) => scalar.windows?.(shapes),
  estimate: convolutionInstructions,
  emit: emitConvolution,
};
