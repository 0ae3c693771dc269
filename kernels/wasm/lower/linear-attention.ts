import type { Attributes } from "../../../engine/ops/vocabulary.ts";
import type { Shape } from "../../../engine/shape.ts";
import { float, type Emitter, type Float, type Lowering, type Operand } from "../emitter.ts";
import { alignUp } from "./strips.ts";

/** Tokens that are worked on at a time. */
const block = 64;

/** Scratch with its bytes per thread, then sizes and epsilon. */
function sizes(
  emit: Emitter,
  [n, tokens, channels]: Shape,
  { heads, epsilon }: Attributes<"linearAttention">,
  floats: (padded: number) => number,
): (Operand | number | Float)[] {
  const size = channels! / heads;
  const padded = alignUp(size, 8);
  const bytes = alignUp(4 * floats(padded), 64);
  return [
    ...[emit.scratch(bytes * emit.maxThreads), bytes, n!, tokens!, heads, size, padded],
    ...[emit.tiles === "wide" ? 1 : 0, float(epsilon)],
  ];
}

export const linearAttention: Lowering<"linearAttention"> = ({ inputs: [q], attributes }, emit) =>
  emit.step("linearAttention", [
    ...[emit.output(0), emit.input(0), emit.input(1), emit.input(2)],
    ...sizes(emit, q!.shape, attributes, (padded) => (2 * block + padded + 1) * padded + block),
  ]);

export const linearAttentionGradient: Lowering<"linearAttentionGradient"> = ({ inputs: [, q], attributes }, emit) =>
  emit.step("linearAttentionGradient", [
    ...[emit.output(0), emit.output(1), emit.output(2)],
    ...[0, 1, 2, 3, 4].map((index) => emit.input(index)),
    ...sizes(emit, q!.shape, attributes, (padded) => (3 * block + 2 * padded + 2) * padded + block),
  ]);
