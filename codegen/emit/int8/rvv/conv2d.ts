import { conv2d as scalar, convolutionOf } from "../conv2d.ts";
import type { VectorEmitter } from "./emitter.ts";
import { hasVectorEpilogue } from "./epilogue.ts";
import { emitVectorConvolution, integerTile } from "./register-tile.ts";

export const conv2d: VectorEmitter<"conv2d"> = {
  applies: hasVectorEpilogue,
  window: (shapes) => scalar.window?.(shapes),
  estimate: (shapes) => integerTile(convolutionOf(shapes).shape, shapes.target).instructions,
  emit: (call) => emitVectorConvolution(call, "conv2d", convolutionOf(call)),
};
