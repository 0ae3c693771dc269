import type { Attributes } from "../../../engine/ops/vocabulary.ts";
import type { Shape } from "../../../engine/shape.ts";
import { float, type Emitter, type Float, type Lowering, type Operand } from "../emitter.ts";
import { roundUp16 } from "./channels.ts";

/** Queries and keys that are scored at a time. */
const block = 64;

/** Scratch with its bytes per thread, then n, tokens, heads, head size and scale. */
function sizes(
  emit: Emitter,
  q: Shape,
  { heads, scale }: Attributes<"attention">,
  floats: (tokens: number, size: number) => number,
): (Operand | number | Float)[] {
  const [n, tokens, channels] = q as [number, number, number];
  const size = channels / heads;
  const bytes = 4 * roundUp16(floats(roundUp16(tokens), roundUp16(size)));
  return [emit.scratch(bytes * emit.maxThreads), bytes, n, tokens, heads, size, float(scale)];
}

export const attention: Lowering<"attention"> = ({ inputs: [q], attributes }, emit) => {
  const floats = (tokens: number, size: number): number =>
    4 * tokens * size + block * size + block * block + 2 * block + 16;
  emit.step("attention", [
    ...[emit.output(0), emit.output(1), emit.input(0), emit.input(1), emit.input(2)],
    ...sizes(emit, q!.shape, attributes, floats),
  ]);
};

export const attentionGradient: Lowering<"attentionGradient"> = ({ inputs: [, q], attributes }, emit) => {
  const floats = (tokens: number, size: number): number => 9 * tokens * size + 2 * block * block + tokens;
  emit.step("attentionGradient", [
    ...[emit.output(0), emit.output(1), emit.output(2)],
    ...[0, 1, 2, 3, 4, 5].map((index) => emit.input(index)),
    ...sizes(emit, q!.shape, attributes, floats),
  ]);
};
