import { convolutionScratch, emitChosenConvolution } from "./convolution.ts";
import type { IntegerEmitter } from "./emitter.ts";

export const matmul: IntegerEmitter<"matmul"> = {
  scratch: convolutionScratch,
  emit: emitChosenConvolution,
};
