import type { Scratch } from "../element.ts";
import { atRowOfQueries, attentionText, overQueries, type HeadSizes } from "./blocks.ts";
import type { LayerCall, LayerShapes } from "./emitter.ts";
import { rowAt } from "./rows.ts";

/** Products [d][d] and totals [d] of linear attention: of one head at a time, or in a stream of all. */
export function summaryScratch(
  { turn }: Pick<LayerShapes, "turn">,
  { heads, d }: HeadSizes,
): Pick<Scratch, "count" | "kept"> {
  return turn === null ? { count: d * d + d } : { count: heads * (d * d + d), kept: true };
}

/** Instructions of linear attention, estimated: sums of a row go through memory. */
export function linearAttentionInstructions(
  { turn }: Pick<LayerShapes, "turn">,
  { tokens, queries, channels, d }: HeadSizes,
): number {
  const rows = turn === null ? 0 : tokens / queries;
  return 4 * tokens * channels * d + 8 * tokens * channels + rows * 2 * channels * d;
}

/** What linear attention is made of, in float32 or in integers. */
export interface LinearAttention {
  /** C types of queries, keys and values, of results, of sums, and of what is rectified. */
  readonly types: Readonly<Record<"cell" | "result" | "sum" | "rectified", string>>;
  /** C that sums keys `k` and values `v` of a head into `products` and `totals`; those of a row `row` are added. */
  readonly summary: string;
  /** Queries of a block, and C that computes one; see `overQueries`. */
  readonly most: number;
  readonly block: (count: number) => string;
  /** Of the epilogue. */
  readonly parameters: readonly string[];
  readonly arguments: readonly string[];
}

/**
 * The call of a layer: keys and values of a head are summed up, then its queries are multiplied with the sums. In a
 * stream the first calls take a row of keys and values each, of all heads, and the others a row of queries.
 * @param textOf is given the call with its pointers at the row of queries
 */
export function emitLinearAttention<C extends Pick<LayerCall, "unit" | "x" | "y" | "summands" | "scratch" | "rows">>(
  rowCall: C,
  sizes: HeadSizes,
  textOf: (call: C) => LinearAttention,
): string {
  const { unit, rows } = rowCall;
  const lead = rows?.x[1]!.of ?? 0;
  const call = atRowOfQueries(rowCall, sizes, lead);
  const { types, summary, most, block, parameters, arguments: given } = textOf(call);
  const { channels, d, queries } = sizes;
  const [q, k, v] = call.x;
  const [products, rectified] = call.scratch;
  const totals = `${types.sum} *const totals = products + ${d * d};`;
  const next = `products += ${d * d + d};`;
  const keys = [`const ${types.cell} *k`, `const ${types.cell} *v`];
  const sums = [`${types.sum} *products`, `${types.rectified} *rectified`];
  const about = attentionText(sizes);
  const name = unit.define(
    "linear_attention",
    [`const ${types.cell} *q`, ...(rows === undefined ? keys : []), ...[`${types.result} *y`, ...sums, ...parameters]],
    overQueries(
      sizes,
      most,
      block,
      rows === undefined ? { before: [totals, summary] } : { before: [totals], after: [next] },
    ),
    { about },
  );
  const inputs = rows === undefined ? [q, k, v] : [q];
  const attention = `${name}(${[...inputs, call.y, products, rectified, ...given].join(", ")});`;
  if (rows === undefined) return attention;

  const rectifies = /\brectified\b/.test(summary);
  const gather = unit.define(
    "linear_attention_keys",
    [...keys, ...sums.slice(0, rectifies ? 2 : 1), "int row"],
    [
      `for (int h = 0; h < ${channels}; h += ${d}) {`,
      totals,
      "if (row == 0) {",
      `for (int i = 0; i < ${d * d + d}; i++) {`,
      "products[i] = 0;",
      "}",
      "}",
      summary,
      next,
      "}",
    ].join("\n"),
    { about },
  );
  const [keyRow, valueRow] = [k!, v!].map((pointer, index) =>
    rowAt(pointer, rows.x[index + 1]!, rows.row, queries * channels),
  );
  return [
    `if (${rows.row} < ${lead}) {`,
    `${gather}(${[keyRow, valueRow, products, ...(rectifies ? [rectified] : []), rows.row].join(", ")});`,
    "} else {",
    attention,
    "}",
  ].join("\n");
}
