import { conv2d as scalar } from "../conv2d.ts";
import { weightedConvolution } from "../weighted-convolution.ts";
import type { VectorEmitter } from "./emitter.ts";
import { hasVectorEpilogue } from "./epilogue.ts";
import { emitVectorConvolution, integerTile } from "./register-tile.ts";

export const conv2d: VectorEmitter<"conv2d"> = {
  applies: hasVectorEpilogue,
  window: (shapes) => scalar.window?.(shapes),
  estimate: (shapes) => integerTile(weightedConvolution(shapes).shape, shapes).instructions,
  emit: (call) => emitVectorConvolution(call, "conv2d", weightedConvolution(call)),
};
