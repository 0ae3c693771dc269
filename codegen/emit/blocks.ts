import type { InferenceGraph, Layer } from "../../engine/plan/inference.ts";
import type { Shape } from "../../engine/shape.ts";
import type { LayerShapes } from "./emitter.ts";

/** What attention works on. */
export interface HeadSizes {
  readonly tokens: number;
  readonly heads: number;
  /** Of all heads. */
  readonly channels: number;
  /** Channels of one head. */
  readonly d: number;
}

/** @param y [1,tokens,channels] */
export function headSizes(y: Shape, heads: number): HeadSizes {
  const [, tokens, channels] = y as [number, number, number];
  return { tokens, heads, channels, d: channels / heads };
}

/** Queries that share each key and value that is read. */
export function queriesAtOnce({ target, frugal }: Pick<LayerShapes, "target" | "frugal">, tokens: number): number {
  return Math.min(tokens, target.softFloat || frugal ? 1 : 4);
}

/** Blocks of up to `size` that cover `count`: [start, size, how many]. */
export function blocksOf(count: number, size: number): [start: number, size: number, blocks: number][] {
  const whole = Math.floor(count / size);
  const rest = count % size;
  return [
    ...(whole > 0 ? ([[0, size, whole]] as [number, number, number][]) : []),
    ...(rest > 0 ? ([[count - rest, rest, 1]] as [number, number, number][]) : []),
  ];
}

/** Products of a layer that are computed in blocks. */
interface BlockUse {
  /** Members that blocks have to cover. */
  readonly count: number;
  /** Products of each pair, one after the other. */
  readonly times: number;
}

/**
 * The block that covers members with the fewest reads where four queries share each, at the price of its code, which
 * all uses share.
 * @param written products of a pair that are written out in the innermost loop
 */
export function blockSize(
  uses: readonly BlockUse[],
  limit: number,
  { written, instructionsPerByte }: { readonly written: number; readonly instructionsPerByte: number },
): number {
  let best = 1;
  let least = Infinity;
  const largest = Math.max(...uses.map(({ count }) => count));
  for (let size = 1; size <= Math.min(limit, largest); size++) {
    const blocks = uses.flatMap(({ count, times }) =>
      blocksOf(count, size).map(([, width, number]) => ({ width, reads: number * (width + 4) * times })),
    );
    const code = [...new Set(blocks.map(({ width }) => width))].reduce((sum, width) => sum + width * 5 + 4, 0);
    const cost = blocks.reduce((sum, { reads }) => sum + reads, 0) + code * written * 4 * instructionsPerByte;
    if (cost < least) {
      least = cost;
      best = size;
    }
  }
  return best;
}

/** Scores and weighted sums of all attention of a network: keys in blocks for each channel, channels for each key. */
export function attentionUses({ layers, values }: InferenceGraph): { keys: BlockUse[]; values: BlockUse[] } {
  const sizes = layers.flatMap((layer) =>
    layer.op === "attention"
      ? [headSizes(values[layer.output]!.shape, (layer as Layer<"attention">).attributes.heads)]
      : [],
  );
  return {
    keys: sizes.map(({ tokens, channels }) => ({ count: tokens, times: (channels * tokens) / 4 })),
    values: sizes.map(({ tokens, heads, d }) => ({ count: d, times: (tokens * heads * tokens) / 4 })),
  };
}

/** C that adds a product to a sum: to what it is, or where it begins with this product to what it starts from. */
export function addText(start?: string): string {
  return start === undefined ? "+=" : start === "0.0f" ? "=" : `= ${start} +`;
}

/**
 * queries × block products: `each` is read per query, `shared` per member of the block.
 * @param from what the sums of a member start from; by default they go on
 */
export function productStep(
  queries: readonly number[],
  members: readonly number[],
  each: (query: number) => string,
  shared: (member: number) => string,
  type = "float",
  from?: (member: number) => string,
): string[] {
  return [
    "{",
    `const ${type} ${queries.map((query) => `p${query} = ${each(query)}`).join(", ")};`,
    `${type} t;`,
    ...members.flatMap((member) => [
      `t = ${shared(member)};`,
      queries.map((query) => `a${query}_${member} ${addText(from?.(member))} p${query} * t;`).join(" "),
    ]),
    "}",
  ];
}

/**
 * Loops over the heads of attention and over blocks of at most so many queries. `call` is C that computes a block:
 * queries from i on, whose first cell is o, of the head that begins at channel h.
 */
export function overQueries({ tokens, d, channels }: HeadSizes, most: number, call: (count: number) => string): string {
  const blocks = blocksOf(tokens, most).map(([start, count, many]) =>
    [
      `for (int i = ${start}; i < ${start + count * many}; i += ${count}) {`,
      `const int o = i * ${channels} + h;`,
      call(count),
      "}",
    ].join("\n"),
  );
  return `for (int h = 0; h < ${channels}; h += ${d}) {\n${blocks.join("\n")}\n}`;
}
