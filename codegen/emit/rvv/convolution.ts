import type { InferenceOp } from "../../../engine/ops/vocabulary.ts";
import type { Weights } from "../../../engine/plan/inference.ts";
import type { Convolution, WeightAt } from "../convolution.ts";
import type { LayerCall, LayerShapes } from "../emitter.ts";
import { weightPrices } from "../stored-weights.ts";
import { emitVectorConvolution, floatTile } from "./register-tile.ts";
import { emitSharedConvolution, sharedInstructions } from "./shared-convolution.ts";

/** Instructions of one inference, estimated. */
export function convolutionInstructions<K extends InferenceOp>(shapes: LayerShapes<K>, shape: Convolution): number {
  const own = (): number => floatTile(shape, shapes.target, weightPrices(shapes.layer)).instructions;
  return sharedInstructions(shapes, shape) ?? own();
}

/** The call of a convolution, by a kernel of its own or by one that layers share. */
export function emitConvolution<K extends InferenceOp>(
  call: LayerCall<K>,
  kind: string,
  shape: Convolution,
  weights: Weights,
  at: WeightAt,
): string {
  return sharedInstructions(call, shape) === undefined
    ? emitVectorConvolution(call, kind, shape, weights, at)
    : emitSharedConvolution(call, shape, weights, at);
}
