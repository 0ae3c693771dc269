import { oncePerLayer, type IntegerCall, type IntegerShapes } from "./emitter.ts";
import { emitConvolution, scheduleTile, widenedWeights, type TileSchedule } from "./register-tile.ts";
import { emitSharedConvolution } from "./shared-convolution.ts";
import { sharedConvolution, widenedCount, type SharedTile } from "./shared-tile.ts";
import { weightedConvolution, type ConvolutionOp } from "./weighted-convolution.ts";
import type { KernelCost } from "./windows.ts";

/** Rows for which weights may be turned into numbers of another type but once. */
const widenedTurns = [8, 4, 2] as const;

/** The kernel of a layer: one of its own, or one that others share. */
type ChosenKernel =
  | { readonly cost: KernelCost; readonly own: TileSchedule; readonly shared?: undefined }
  | { readonly cost: KernelCost; readonly shared: SharedTile };

const chosenKernel = oncePerLayer((shapes: IntegerShapes<ConvolutionOp>): ChosenKernel => {
  const shared = sharedConvolution(shapes);
  if (shared !== undefined) return { cost: shared.cost, shared: shared.tile };
  const own = scheduleTile(shapes);
  return { cost: own, own };
});

/** Instructions of one inference, estimated. */
export function convolutionInstructions(shapes: IntegerShapes<ConvolutionOp>): number {
  return chosenKernel(shapes).cost.instructions;
}

/** How many rows a call may compute besides one. */
export function convolutionTurns(shapes: IntegerShapes<ConvolutionOp>): readonly number[] {
  const kernel = chosenKernel({ ...shapes, turn: widenedTurns[0] });
  const { widened } = (kernel.shared ?? kernel.own).sums;
  return widened ? widenedTurns.filter((turn) => turn < shapes.output[1]!) : [];
}

/** Working memory of a convolution. */
export function convolutionScratch(
  shapes: IntegerShapes<ConvolutionOp>,
): { readonly element: "float32" | "float64"; readonly count: number }[] {
  const kernel = chosenKernel(shapes);
  const { shape } = weightedConvolution(shapes);
  const count = kernel.shared ? widenedCount(shape, kernel.shared) : widenedWeights(shape, kernel.own);
  const { type } = (kernel.shared ?? kernel.own).sums;
  return count === 0 ? [] : [{ element: type === "double" ? "float64" : "float32", count }];
}

/** The function of a convolution and its call. */
export function emitChosenConvolution(call: IntegerCall<ConvolutionOp>): string {
  const { shared } = chosenKernel(call);
  return shared === undefined ? emitConvolution(call) : emitSharedConvolution(call, shared);
}
