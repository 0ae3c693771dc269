import type { IntegerCall, IntegerShapes } from "../emitter.ts";
import { weightedConvolution, type ConvolutionOp } from "../weighted-convolution.ts";
import { emitVectorConvolution, integerTile } from "./register-tile.ts";
import { emitSharedConvolution, sharedInstructions } from "./shared-convolution.ts";

/** Instructions of one inference, estimated. */
export function convolutionInstructions(shapes: IntegerShapes<ConvolutionOp>): number {
  return sharedInstructions(shapes) ?? integerTile(weightedConvolution(shapes).shape, shapes).instructions;
}

/** The call of a convolution, by a kernel of its own or by one that layers share. */
export function emitConvolution(call: IntegerCall<ConvolutionOp>): string {
  return sharedInstructions(call) === undefined
    ? emitVectorConvolution(call, call.layer.op, weightedConvolution(call))
    : emitSharedConvolution(call);
}
