import { float, type Lowering } from "../emitter.ts";
import { elementCount } from "../../../engine/shape.ts";
import { chunks, roundUp16 } from "./channels.ts";

export const layerNorm: Lowering<"layerNorm"> = ({ inputs, attributes }, emit) => {
  const x = inputs[0]!.shape;
  const channels = x.at(-1) ?? 1;
  const affine = inputs.length > 1 ? [emit.input(1), emit.input(2)] : [0, 0];
  const scratch = emit.scratch(4 * emit.maxThreads * roundUp16(channels));
  const sizes = [elementCount(x) / channels, channels, float(attributes.epsilon)];
  emit.step("layerNorm", [emit.output(0), emit.input(0), ...affine, scratch, ...sizes]);
};

export const layerNormGradient: Lowering<"layerNormGradient"> = ({ inputs, attributes }, emit) => {
  const x = inputs[1]!.shape;
  const channels = x.at(-1) ?? 1;
  const affine = inputs.length > 2;
  const partials = emit.scratch(4 * chunks * 2 * roundUp16(channels));
  const scratch = emit.scratch(4 * emit.maxThreads * 2 * roundUp16(channels));
  emit.step("layerNormGradient", [
    ...[emit.output(0), partials, emit.input(0), emit.input(1), affine ? emit.input(2) : 0, scratch],
    ...[elementCount(x) / channels, channels, float(attributes.epsilon)],
  ]);
  if (affine) emit.step("layerNormFold", [emit.output(1), emit.output(2), partials, channels]);
};
