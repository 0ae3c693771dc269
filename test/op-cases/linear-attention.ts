import { linearAttention } from "../../engine/ops/linear-attention.ts";
import { constantInput, normal, opCase, random, spread, type OpCase } from "./case.ts";

interface Sizes {
  readonly n: number;
  readonly tokens: number;
  readonly heads: number;
  readonly d: number;
  readonly bench?: boolean;
}

function linearAttentionCase({ n, tokens, heads, d, bench = false }: Sizes): OpCase {
  const shape = [n, tokens, heads * d];
  // One token attends to itself alone: the gradients of its query and key are 0, but for rounding.
  const scores = tokens === 1 ? constantInput(spread(...shape)) : spread(...shape);
  return opCase(
    `linearAttention heads ${heads}`,
    [scores, scores, normal(...shape)],
    ([q, k, v]) => [linearAttention(q!, k!, v!, { heads })],
    { bench },
  );
}

export const linearAttentionCases: readonly OpCase[] = [
  linearAttentionCase({ n: 1, tokens: 1, heads: 1, d: 1 }),
  linearAttentionCase({ n: 1, tokens: 1, heads: 2, d: 8 }),
  linearAttentionCase({ n: 2, tokens: 5, heads: 1, d: 3 }),
  linearAttentionCase({ n: 1, tokens: 16, heads: 4, d: 16 }),
  linearAttentionCase({ n: 2, tokens: 64, heads: 2, d: 32 }),
  linearAttentionCase({ n: 1, tokens: 65, heads: 2, d: 17 }),
  linearAttentionCase({ n: 1, tokens: 130, heads: 1, d: 48 }),
  linearAttentionCase({ n: 8, tokens: 64, heads: 2, d: 32, bench: true }),
  linearAttentionCase({ n: 4, tokens: 256, heads: 2, d: 16, bench: true }),
  ...random(30, 19, (draw) =>
    linearAttentionCase({
      n: draw.integer(1, 3),
      tokens: draw.integer(2, 80),
      heads: draw.integer(1, 4),
      d: draw.of([4, 5, 7, 8, 13, 16, 20, 32]),
    }),
  ),
];
