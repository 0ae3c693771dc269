import type { Attributes } from "../../../engine/ops/vocabulary.ts";
import type { Shape } from "../../../engine/shape.ts";
import { float, type Emitter, type Float, type Lowering, type Operand } from "../emitter.ts";
import { alignUp } from "./strips.ts";

interface Sizes {
  readonly tokens: number;
  /** Channels of a head, as a multiple of 8. */
  readonly padded: number;
  /** Queries and keys that are scored at a time. */
  readonly queries: number;
  readonly keys: number;
}

/** Equal blocks of at most `most` tokens, in multiples of 8. */
function blockOf(tokens: number, most: number): number {
  return alignUp(Math.ceil(tokens / Math.ceil(tokens / most)), 8);
}

/** Scratch with its bytes per thread, then sizes and scale. */
function sizes(
  emit: Emitter,
  q: Shape,
  { heads, scale }: Attributes<"attention">,
  block: (tokens: number) => { queries: number; keys: number },
  floats: (sizes: Sizes) => number,
): (Operand | number | Float)[] {
  const [n, tokens, channels] = q as [number, number, number];
  const size = channels / heads;
  const padded = alignUp(size, 8);
  const { queries, keys } = block(tokens);
  const bytes = alignUp(4 * floats({ tokens, padded, queries, keys }), 64);
  return [
    ...[emit.scratch(bytes * emit.maxThreads), bytes, n, tokens, heads, size, padded, queries, keys],
    ...[emit.tiles === "wide" ? 1 : 0, float(scale)],
  ];
}

/** Scores of a block of queries with all keys, or of the gradient with a block of keys, stay in the first-level cache. */
const blockScores = 4096;
const blockTokens = 64;

export const attention: Lowering<"attention"> = ({ inputs: [q], attributes }, emit) => {
  const queries = (tokens: number): number =>
    blockOf(tokens, Math.min(blockTokens, Math.max(16, alignUp(blockScores / tokens, 16))));
  emit.step("attention", [
    ...[emit.output(0), emit.output(1), emit.input(0), emit.input(1), emit.input(2)],
    ...sizes(
      emit,
      q!.shape,
      attributes,
      (tokens) => ({ queries: queries(tokens), keys: tokens }),
      ({ tokens, padded, queries }) => 2 * tokens * padded + 2 * padded * queries + (tokens + 2) * queries,
    ),
  ]);
};

export const attentionGradient: Lowering<"attentionGradient"> = ({ inputs: [, q], attributes }, emit) => {
  emit.step("attentionGradient", [
    ...[emit.output(0), emit.output(1), emit.output(2)],
    ...[0, 1, 2, 3, 4, 5].map((index) => emit.input(index)),
    ...sizes(
      emit,
      q!.shape,
      attributes,
      (tokens) => ({ queries: blockOf(tokens, blockTokens), keys: blockOf(tokens, blockTokens) }),
      ({ tokens, padded, queries, keys }) => 4 * tokens * padded + 5 * queries * padded + 2 * (keys + 1) * queries,
    ),
  ]);
};
