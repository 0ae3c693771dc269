import type { Scratch } from "../../element.ts";
import { octave } from "../../quantize/elementary.ts";
import {
  atRowOfQueries,
  attentionInstructions,
  attentionRows,
  attentionText,
  attentionUses,
  blockSize,
  blocksOf,
  evenBlock,
  headSizes,
  overQueries,
  productStep,
  type HeadSizes,
} from "../blocks.ts";
import { largestDivisor } from "../spans.ts";
import { range } from "../../../engine/range.ts";
import { byteWorth } from "./code-price.ts";
import { int8Input, type IntegerCall, type IntegerEmitter, type IntegerShapes } from "./emitter.ts";
import { normalizationOf, normalizationSettings, type Normalization } from "./normalize.ts";
import { apart, defineVariableRescale } from "./rescale.ts";

const sizesOf = (shapes: IntegerShapes<"attention">): HeadSizes => headSizes(shapes, shapes.layer.heads);

/** Queries that share each key and value that is read, at most. */
export const mostQueries = 4;
/** Keys or channels of values that share each query. */
const membersAtOnce = 4;

/** Instructions of a product, and of reading what the products of a block of queries share. */
const prices = { product: 2.5, read: 2 };

/** How many queries share what is read: their code costs more than what it saves where code has a high price. */
function queriesAtOnce(shapes: IntegerShapes<"attention">): number {
  const { graph, schedule } = shapes;
  const products = attentionUses(graph).keys.reduce(
    (sum, { count, times }) => sum + 2 * count * times * mostQueries,
    0,
  );
  const price = (queries: number): number =>
    products * (prices.product + prices.read / queries) + bytesOfQuery * queries * byteWorth[schedule.plan];
  const best = [4, 2, 1].reduce((best, queries) => (price(queries) < price(best) ? queries : best));
  return evenBlock(sizesOf(shapes).queries, best);
}

/** Code of the block that each query more takes. */
const bytesOfQuery = 360;

/**
 * One head for a block of queries: scores of all keys, their weights, weighted sums of the values. `scores` holds
 * [tokens][queries], `centred` [d][queries] the queries without their zero point. Layers with as many channels share it:
 * all that differs is in `sizes`.
 */
function blockBody(
  call: IntegerCall<"attention">,
  count: number,
  rescale: string,
  normalization: Normalization,
): string {
  const { tokens, heads, d } = sizesOf(call);
  const channels = heads * d;
  const queries = range(count);
  const sums = (members: readonly number[], start: (query: number) => string): string =>
    `int32_t ${members.flatMap((member) => queries.map((query) => `a${query}_${member} = ${start(query)}`)).join(", ")};`;
  const lines = [
    "const int tokens = sizes->tokens, d = sizes->channels, exponent = sizes->exponent;",
    "const int exponent_shift = sizes->exponent_shift, weight_shift = sizes->weight_shift;",
    `int32_t ${queries.map((query) => `largest${query} = -2147483647, sum${query} = 0`).join(", ")};`,
    "int32_t *score = scores;",
    "const int8_t *key = k;",
    "for (int c = 0; c < d; c++) {",
    ...queries.map(
      (query) => `centred[c * ${count} + ${query}] = (int16_t)(q[${query * channels} + c] - sizes->query_zero);`,
    ),
    "}",
  ];
  const turn = largestDivisor(d, 4);
  const instructionsPerByte = byteWorth[call.schedule.plan];
  const uses = attentionUses(call.graph);
  const keyBlock = blockSize(uses.keys, membersAtOnce, { written: turn, instructionsPerByte });
  for (const [, size, blocks] of blocksOf(tokens, keyBlock)) {
    const members = range(size);
    lines.push(
      blocks === 1 ? "{" : `for (int j = ${size}; j <= tokens; j += ${size}) {`,
      sums(members, () => "0"),
      "const int16_t *p = centred;",
      "const int8_t *r = key;",
      ...(d > turn ? ["const int8_t *const end = key + d;", "do {"] : []),
      ...range(turn).flatMap((u) =>
        productStep(
          queries,
          members,
          (query) => `p[${u * count + query}]`,
          (member) => `r[${member * channels + u}]`,
          "int32_t",
        ),
      ),
      ...(d > turn ? [`p += ${turn * count};`, `r += ${turn};`, "} while (r != end);"] : []),
      ...members.flatMap((member) =>
        queries.flatMap((query) => [
          `score[${member * count + query}] = a${query}_${member};`,
          `largest${query} = a${query}_${member} > largest${query} ? a${query}_${member} : largest${query};`,
        ]),
      ),
      `key += ${size * channels};`,
      `score += ${size * count};`,
      "}",
    );
  }
  lines.push("score = scores;", "for (int j = 0; j < tokens; j++) {");
  for (const query of queries)
    lines.push(
      `{ const int32_t t = ${rescale}(largest${query} - score[${query}], exponent, exponent_shift);`,
      `const int32_t e = (t >> 8) + weight_shift < 31 ? powers[t & 255] >> ((t >> 8) + weight_shift) : 0;`,
      `score[${query}] = e; sum${query} += e; }`,
    );
  lines.push(`score += ${count};`, "}");
  lines.push(
    ...queries.map((query) => normalization.open(`sum${query}`, String(query))),
    ...queries.map((query) => `sum${query} *= -sizes->value_zero;`),
  );
  const keys = largestDivisor(tokens, 4);
  const valueBlock = blockSize(uses.values, membersAtOnce, { written: keys, instructionsPerByte });
  lines.push("int c = 0;");
  for (const [start, size, blocks] of blocksOf(d, valueBlock)) {
    const members = range(size);
    lines.push(
      start > 0 && blocks === 1 ? "{" : `for (; c <= d - ${size}; c += ${size}) {`,
      sums(members, (query) => `sum${query}`),
      "const int32_t *p = scores;",
      "const int8_t *r = v + c;",
      `const int32_t *const end = scores + tokens * ${count};`,
      "do {",
      ...range(keys).flatMap((u) =>
        productStep(
          queries,
          members,
          (query) => `p[${u * count + query}]`,
          (member) => `r[${u * channels + member}]`,
          "int32_t",
        ),
      ),
      `p += ${keys * count};`,
      `r += ${keys * channels};`,
      "} while (p != end);",
      ...queries.flatMap((query) =>
        members.map(
          (member) =>
            `y[${query * channels + member} + c] = ${normalization.cell(`a${query}_${member}`, String(query))};`,
        ),
      ),
      "}",
    );
  }
  return lines.join("\n");
}

/** Scores and queries without their zero point, of one block of queries. */
export function scratchOf(shapes: IntegerShapes<"attention">, queries: number): Scratch[] {
  const { tokens, d } = sizesOf(shapes);
  return [
    { element: "int32", count: queries * tokens },
    { element: "int16", count: queries * d },
  ];
}

export const attention: IntegerEmitter<"attention"> = {
  // A block of queries is copied before its results take its place.
  overwritableInputs: [0],
  scratch: (shapes) => scratchOf(shapes, queriesAtOnce(shapes)),
  windows: (shapes) => attentionRows(shapes),
  estimate: (shapes) => attentionInstructions(sizesOf(shapes), queriesAtOnce(shapes), { ...prices, score: 30 }),
  emit: (rowCall) => {
    const headed = sizesOf(rowCall);
    const call = atRowOfQueries(rowCall, headed);
    const { unit, layer } = call;
    const { tokens, d } = headed;
    const normalization = normalizationOf(
      unit,
      call.target,
      layer.result,
      octave[0]! >> layer.weightShift,
      (name) => `sizes->${name}`,
    );
    const rescale = defineVariableRescale(unit, call.target, layer.exponent.shift);
    const sizes = unit.record("attention_sizes", {
      ...{ tokens, channels: d },
      ...{ query_zero: int8Input(call, 0).zero, value_zero: int8Input(call, 2).zero },
      ...{ exponent: layer.exponent.multiplier, exponent_shift: layer.exponent.shift, weight_shift: layer.weightShift },
      ...normalizationSettings(layer.result),
    });
    const scratch = ["int32_t *restrict scores", "int16_t *restrict centred"];
    const blocks = overQueries(headed, queriesAtOnce(call), (count) => {
      const block = unit.define(
        "attention_block",
        [
          `const struct ${unit.prefix}_attention_sizes *sizes`,
          ...["const int8_t *q", "const int8_t *restrict k", "const int8_t *restrict v"],
          "const uint16_t *restrict powers",
          `${normalization.type} *y`,
          ...scratch,
        ],
        blockBody(call, count, rescale, normalization),
        { about: `${count} queries of one head`, result: apart(unit) },
      );
      return `${block}(${sizes}, q + o, k + h, v + h, powers, y + o, scores, centred);`;
    });
    const name = unit.define(
      "attention",
      [
        ...["const int8_t *q", "const int8_t *k", "const int8_t *v", "const uint16_t *restrict powers"],
        `${normalization.type} *y`,
        ...scratch,
      ],
      blocks,
      { about: attentionText(headed) },
    );
    const powers = unit.constant("32767 times 2^(-i / 256)", octave);
    return `${name}(${[...call.x, powers, call.y, ...call.scratch].join(", ")});`;
  },
};
