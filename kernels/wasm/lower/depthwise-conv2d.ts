import type { Attributes } from "../../../engine/ops/vocabulary.ts";
import type { Shape } from "../../../engine/shape.ts";
import type { Lowering } from "../emitter.ts";

/** n, h, w, c, oh, ow, kh, kw, stride, padding top and left. */
function sizes(x: Shape, kernel: Shape, y: Shape, { stride, padding }: Attributes<"depthwiseConv2d">): number[] {
  return [...x, y[1]!, y[2]!, kernel[0]!, kernel[1]!, ...stride, padding[0], padding[2]];
}

export const depthwiseConv2d: Lowering<"depthwiseConv2d"> = ({ inputs: [x, w], shapes: [y], attributes }, emit) =>
  emit.step("depthwiseConv2d", [
    emit.output(0),
    emit.input(0),
    emit.input(1),
    ...sizes(x!.shape, w!.shape, y!, attributes),
  ]);

export const depthwiseConv2dInputGradient: Lowering<"depthwiseConv2dInputGradient"> = (
  { inputs: [dy, w], shapes: [dx], attributes },
  emit,
) =>
  emit.step("depthwiseConv2dInputGradient", [
    emit.output(0),
    emit.input(0),
    emit.input(1),
    ...sizes(dx!, w!.shape, dy!.shape, attributes),
  ]);

export const depthwiseConv2dFilterGradient: Lowering<"depthwiseConv2dFilterGradient"> = (
  { inputs: [x, dy], shapes: [dw], attributes },
  emit,
) =>
  emit.step("depthwiseConv2dFilterGradient", [
    emit.output(0),
    emit.input(0),
    emit.input(1),
    ...sizes(x!.shape, dw!, dy!.shape, attributes),
  ]);
