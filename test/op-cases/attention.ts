import { record } from "../../engine/record.ts";
import { normal, opCase, random, type OpCase } from "./case.ts";

interface Sizes {
  readonly n: number;
  readonly tokens: number;
  readonly heads: number;
  readonly d: number;
  readonly scale?: number;
  readonly bench?: boolean;
}

function cases({ n, tokens, heads, d, scale = 1 / Math.sqrt(d), bench = false }: Sizes): OpCase {
  const shape = [n, tokens, heads * d];
  return opCase(
    `attention heads ${heads} scale ${scale.toFixed(3)}`,
    [normal(...shape), normal(...shape), normal(...shape)],
    (inputs) => record("attention", inputs, { heads, scale }),
    { bench },
  );
}

export const attentionCases: readonly OpCase[] = [
  cases({ n: 1, tokens: 1, heads: 1, d: 1 }),
  cases({ n: 2, tokens: 5, heads: 1, d: 3 }),
  cases({ n: 1, tokens: 16, heads: 4, d: 16 }),
  cases({ n: 2, tokens: 64, heads: 2, d: 32 }),
  cases({ n: 1, tokens: 49, heads: 2, d: 48 }),
  cases({ n: 1, tokens: 33, heads: 2, d: 64 }),
  cases({ n: 3, tokens: 9, heads: 8, d: 16 }),
  cases({ n: 1, tokens: 7, heads: 6, d: 5, scale: 1 }),
  cases({ n: 1, tokens: 12, heads: 1, d: 8, scale: 3 }),
  cases({ n: 5, tokens: 4, heads: 2, d: 32 }),
  cases({ n: 2, tokens: 16, heads: 1, d: 24 }),
  cases({ n: 2, tokens: 25, heads: 2, d: 40 }),
  cases({ n: 1, tokens: 64, heads: 1, d: 20 }),
  cases({ n: 1, tokens: 65, heads: 2, d: 8 }),
  cases({ n: 1, tokens: 150, heads: 1, d: 56 }),
  cases({ n: 1, tokens: 300, heads: 1, d: 7 }),
  cases({ n: 8, tokens: 16, heads: 4, d: 16, bench: true }),
  cases({ n: 8, tokens: 49, heads: 2, d: 48, bench: true }),
  cases({ n: 8, tokens: 64, heads: 2, d: 32, bench: true }),
  cases({ n: 4, tokens: 256, heads: 2, d: 16, bench: true }),
  cases({ n: 2, tokens: 256, heads: 2, d: 64, bench: true }),
  ...random(40, 7, (draw) =>
    cases({
      n: draw.integer(1, 4),
      tokens: draw.integer(1, 40),
      heads: draw.integer(1, 4),
      d: draw.of([1, 3, 4, 7, 8, 13, 16, 20, 32]),
    }),
  ),
];
