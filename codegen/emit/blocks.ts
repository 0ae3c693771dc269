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

/** How often and at which price the products of a block are computed. */
interface BlockUse {
  /** Products of each pair, one after the other. */
  readonly times: number;
  /** How many of these are written out in the innermost loop. */
  readonly written: number;
  readonly instructionsPerByte: number;
}

/** The block that covers `count` with the fewest reads of members that four queries share, at the price of its code. */
export function blockSize(count: number, limit: number, { times, written, instructionsPerByte }: BlockUse): number {
  let best = 1;
  let least = Infinity;
  for (let size = 1; size <= Math.min(limit, count); size++) {
    let cost = 0;
    for (const [, width, blocks] of blocksOf(count, size))
      cost += blocks * (width + 4) * times + (width * 5 + 4) * written * 4 * instructionsPerByte;
    if (cost < least) {
      least = cost;
      best = size;
    }
  }
  return best;
}

/** queries × block products: `each` is read per query, `shared` per member of the block. */
export function productStep(
  queries: readonly number[],
  members: readonly number[],
  each: (query: number) => string,
  shared: (member: number) => string,
  type = "float",
): string[] {
  return [
    "{",
    `const ${type} ${queries.map((query) => `p${query} = ${each(query)}`).join(", ")};`,
    `${type} t;`,
    ...members.flatMap((member) => [
      `t = ${shared(member)};`,
      queries.map((query) => `a${query}_${member} += p${query} * t;`).join(" "),
    ]),
    "}",
  ];
}
