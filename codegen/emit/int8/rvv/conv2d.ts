import { convolutionOf } from "../conv2d.ts";
import type { VectorEmitter } from "./emitter.ts";
import { hasVectorEpilogue } from "./epilogue.ts";
import { emitVectorConvolution } from "./register-tile.ts";

export const conv2d: VectorEmitter<"conv2d"> = {
  applies: hasVectorEpilogue,
  emit: (call) => emitVectorConvolution(call, "conv2d", convolutionOf(call)),
};
