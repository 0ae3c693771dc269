import { elementCount } from "../../../engine/shape.ts";
import type { Lowering } from "../emitter.ts";
import { roundUp16 } from "./channels.ts";

export const softmax: Lowering<"softmax"> = ({ shapes: [y] }, emit) => {
  const channels = y!.at(-1) ?? 1;
  const scratch = emit.scratch(4 * emit.maxThreads * (roundUp16(channels) + 16));
  emit.step("softmax", [emit.output(0), emit.input(0), scratch, elementCount(y!) / channels, channels]);
};

export const softmaxGradient: Lowering<"softmaxGradient"> = ({ shapes: [dx] }, emit) => {
  const channels = dx!.at(-1) ?? 1;
  const scratch = emit.scratch(4 * emit.maxThreads * 2 * roundUp16(channels));
  const sizes = [elementCount(dx!) / channels, channels];
  emit.step("softmaxGradient", [emit.output(0), emit.input(0), emit.input(1), scratch, ...sizes]);
};
