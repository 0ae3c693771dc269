import type { InferenceGraph, Layer } from "../../engine/plan/inference.ts";
import { rowsOf } from "../views.ts";
import type { LayerCall, LayerShapes, RowWindow } from "./emitter.ts";
import { rowAt, sameRow, type Room } from "./rows.ts";

/** What attention works on. */
export interface HeadSizes {
  readonly tokens: number;
  readonly heads: number;
  /** Of all heads. */
  readonly channels: number;
  /** Channels of one head. */
  readonly d: number;
  /** Queries that a call computes: all, or those of a row. */
  readonly queries: number;
}

/** What every kind of attention is told of its layer, in float32 and in integers. */
type AttentionLayer = Pick<LayerShapes, "graph" | "output" | "turn"> & {
  readonly layer: Pick<Layer, "inputs" | "output">;
};

export function headSizes({ graph, layer, output, turn }: AttentionLayer, heads: number): HeadSizes {
  const [, tokens, channels] = output as [number, number, number];
  const queries = turn === null ? tokens : tokens / rowsOf(graph, layer.output);
  return { tokens, heads, channels, d: channels / heads, queries };
}

/**
 * A row of queries meets all keys and values.
 * @param gathered these are summed up before, row by row
 */
export function attentionRows({ graph, layer }: AttentionLayer, { gathered = false } = {}): RowWindow[] | undefined {
  const rows = rowsOf(graph, layer.output);
  if (layer.inputs.some((id) => rowsOf(graph, id) !== rows)) return undefined;
  const others = gathered ? { ...sameRow, gathered } : { kernel: rows, stride: 0, padding: 0 };
  return [sameRow, others, others];
}

/**
 * A call for one row of queries as a call for all that there are: its pointers are at that row.
 * @param lead calls before the one for the first row
 */
export function atRowOfQueries<C extends Pick<LayerCall, "x" | "y" | "summands" | "rows">>(
  call: C,
  { queries, channels }: HeadSizes,
  lead = 0,
): C {
  const { rows } = call;
  if (rows === undefined) return call;
  const row = lead > 0 ? `(${rows.row} - ${lead})` : rows.row;
  const at = (pointer: string, room: Room): string => rowAt(pointer, room, row, queries * channels);
  const [q, ...others] = call.x;
  return {
    ...call,
    x: [at(q!, rows.x[0]!), ...others],
    y: at(call.y, rows.y),
    summands: call.summands.map((summand, index) => at(summand, rows.summands[index]!)),
    rows: undefined,
  };
}

/** For the comments of generated code. */
export function attentionText({ tokens, heads, d, queries }: HeadSizes): string {
  return `${queries < tokens ? `${queries} of ` : ""}${tokens} tokens, ${heads} heads of ${d} channels`;
}

/** Queries that share each key and value that is read. */
export function queriesAtOnce({ target, frugal }: Pick<LayerShapes, "target" | "frugal">, queries: number): number {
  return evenBlock(queries, target.softFloat || frugal ? 1 : 4);
}

/** Size of the fewest blocks of at most `most` that cover `count`, as even as can be. */
export function evenBlock(count: number, most: number): number {
  return Math.ceil(count / Math.ceil(count / most));
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
export function attentionUses(graph: InferenceGraph): { keys: BlockUse[]; values: BlockUse[] } {
  const { layers, values } = graph;
  const sizes = layers.flatMap((layer) =>
    layer.op === "attention"
      ? [
          headSizes(
            { graph, layer, output: values[layer.output]!.shape, turn: null },
            (layer as Layer<"attention">).attributes.heads,
          ),
        ]
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
 * Instructions of attention, estimated: blocks of `most` queries share what is read, each score is exponentiated, and
 * a call begins anew with every head.
 */
export function attentionInstructions(
  { tokens, heads, channels, queries }: HeadSizes,
  most: number,
  { product, read, score }: Readonly<Record<"product" | "read" | "score", number>>,
): number {
  const products = 2 * tokens * tokens * channels;
  const blocks = Math.ceil(queries / most);
  const calls = tokens / queries;
  return (
    products * product +
    ((products * blocks) / queries) * read +
    tokens * tokens * heads * score +
    calls * heads * (10 + 60 * blocks)
  );
}

/**
 * Loops over the heads of attention and over blocks of at most so many queries. `call` is C that computes a block:
 * queries from i on, whose first cell is o, of the head that begins at channel h. `before` and `after` stand around the
 * blocks of a head.
 */
export function overQueries(
  { queries, d, channels }: HeadSizes,
  most: number,
  call: (count: number) => string,
  { before = [], after = [] }: { readonly before?: readonly string[]; readonly after?: readonly string[] } = {},
): string {
  const blocks = blocksOf(queries, most).map(([start, count, many]) =>
    [
      `for (int i = ${start}; i < ${start + count * many}; i += ${count}) {`,
      `const int o = i * ${channels} + h;`,
      call(count),
      "}",
    ].join("\n"),
  );
  return [`for (int h = 0; h < ${channels}; h += ${d}) {`, ...before, ...blocks, ...after, "}"].join("\n");
}
