import type { Attributes } from "../../../engine/ops/vocabulary.ts";
import type { Shape } from "../../../engine/shape.ts";
import type { Lowering } from "../emitter.ts";

/** n, h, w, ci, oh, ow, co, kh, kw, stride, padding top and left. */
function sizes(x: Shape, kernel: Shape, y: Shape, { stride, padding }: Attributes<"conv2d">): number[] {
  return [...x, y[1]!, y[2]!, y[3]!, kernel[0]!, kernel[1]!, ...stride, padding[0], padding[2]];
}

export const conv2d: Lowering<"conv2d"> = ({ inputs: [x, w], shapes: [y], attributes }, emit) =>
  emit.step("conv2d", [emit.output(0), emit.input(0), emit.input(1), ...sizes(x!.shape, w!.shape, y!, attributes)]);

export const conv2dInputGradient: Lowering<"conv2dInputGradient"> = (
  { inputs: [dy, w], shapes: [dx], attributes },
  emit,
) =>
  emit.step("conv2dInputGradient", [
    emit.output(0),
    emit.input(0),
    emit.input(1),
    ...sizes(dx!, w!.shape, dy!.shape, attributes),
  ]);

export const conv2dFilterGradient: Lowering<"conv2dFilterGradient"> = (
  { inputs: [x, dy], shapes: [dw], attributes },
  emit,
) =>
  emit.step("conv2dFilterGradient", [
    emit.output(0),
    emit.input(0),
    emit.input(1),
    ...sizes(x!.shape, dw!, dy!.shape, attributes),
  ]);
