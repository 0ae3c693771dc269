import { floatLiteral } from "../literals.ts";
import { range } from "../../engine/range.ts";
import { attentionRows, blockSize, blocksOf, headSizes, productStep, queriesAtOnce, type HeadSizes } from "./blocks.ts";
import { byteWorth } from "./code-price.ts";
import type { Emitter, LayerCall, LayerShapes } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";
import {
  emitLinearAttention,
  linearAttentionInstructions,
  summaryScratch,
  type LinearAttention,
} from "./gathered-attention.ts";

const sizesOf = (shapes: LayerShapes<"linearAttention">): HeadSizes => headSizes(shapes, shapes.attributes.heads);

const rectified = (value: string): string => `${value} > 0.0f ? ${value} : 0.0f`;

/**
 * products [d][d] = relu(k) v, summed over the tokens of one head in registers, and totals [d] = sums of relu(k)
 * @param goesOn those of a row are added to what is there
 */
function summaryBody(
  { queries: tokens, channels, d }: HeadSizes,
  { goesOn, keysAtOnce, instructionsPerByte }: { goesOn: boolean; keysAtOnce: number; instructionsPerByte: number },
): string {
  const from = (sum: string): string => (goesOn ? sum : "0.0f");
  const lines = [
    `for (int c = 0; c < ${d}; c++) {`,
    `float sum = ${from("totals[c]")};`,
    `for (int i = c; i < ${tokens * channels}; i += ${channels}) {`,
    `sum += ${rectified("k[i]")};`,
    "}",
    "totals[c] = sum;",
    "}",
  ];
  const valueBlock = blockSize([{ count: d, times: (tokens * channels) / keysAtOnce }], 6, {
    written: 1,
    instructionsPerByte,
  });
  for (const [firstKey, keys, keyBlocks] of blocksOf(d, keysAtOnce))
    for (const [firstValue, values, valueBlocks] of blocksOf(d, valueBlock)) {
      const [rows, columns] = [range(keys), range(values)];
      const cells = rows.flatMap((row) =>
        columns.map((column) => [`a${row}_${column}`, `sums[${row * d + column}]`] as const),
      );
      lines.push(
        `for (int c = ${firstKey}; c < ${firstKey + keys * keyBlocks}; c += ${keys}) {`,
        `for (int e = ${firstValue}; e < ${firstValue + values * valueBlocks}; e += ${values}) {`,
        `float *const sums = products + c * ${d} + e;`,
        `float ${cells.map(([sum, cell]) => `${sum} = ${from(cell)}`).join(", ")};`,
        "const float *key = k + c, *value = v + e;",
        `for (int i = 0; i < ${tokens}; i++) {`,
        ...productStep(
          rows,
          columns,
          (row) => rectified(`key[${row}]`),
          (column) => `value[${column}]`,
        ),
        `key += ${channels};`,
        `value += ${channels};`,
        "}",
        ...cells.map(([sum, cell]) => `${cell} = ${sum};`),
        "}",
        "}",
      );
    }
  return lines.join("\n");
}

export const linearAttention: Emitter<"linearAttention"> = {
  // A block of queries is copied before its results take its place.
  overwritableInputs: () => [0],
  scratch: (shapes) => {
    const sizes = sizesOf(shapes);
    return [
      { element: "float32", ...summaryScratch(shapes, sizes) },
      { element: "float32", count: queriesAtOnce(shapes, sizes.queries) * sizes.d },
    ];
  },
  windows: (shapes) => attentionRows(shapes, { gathered: true }),
  estimate: (shapes) => linearAttentionInstructions(shapes, sizesOf(shapes)),
  emit: (rowCall) => emitLinearAttention(rowCall, sizesOf(rowCall), (call) => textOf(call, rowCall.rows !== undefined)),
};

function textOf(call: LayerCall<"linearAttention">, goesOn: boolean): LinearAttention {
  const { unit, attributes } = call;
  const sizes = sizesOf(call);
  const { tokens, channels, d } = sizes;
  const most = queriesAtOnce(call, sizes.queries);
  const instructionsPerByte = byteWorth[call.schedule.plan];
  const valueBlock = blockSize([{ count: d, times: (tokens * channels) / most }], 6, {
    written: 1,
    instructionsPerByte,
  });
  const epilogue = epilogueOf(call);
  const withChannel = call.layer.epilogue.some((step) => step.kind === "bias");
  const names = epilogue.parameters.map((parameter) => /\w+$/.exec(parameter)![0]);
  const keysAtOnce = Math.min(d, call.target.softFloat ? 1 : 4);
  const summary = unit.define(
    "linear_attention_summary",
    ["const float *restrict k", "const float *restrict v", "float *restrict products", "float *restrict totals"],
    summaryBody(sizes, { goesOn, keysAtOnce, instructionsPerByte }),
    { about: `one head of ${d} channels over ${sizes.queries} tokens` },
  );
  const block = (count: number): string => {
    const rows = range(count);
    const lines = [
      `float ${rows.map((row) => `sum${row} = ${floatLiteral(attributes.epsilon)}`).join(", ")};`,
      `for (int c = 0; c < ${d}; c++) {`,
      ...rows.flatMap((row) => [
        `{ const float p = ${rectified(`q[${row * channels} + c]`)};`,
        `rectified[c * ${count} + ${row}] = p; sum${row} += p * totals[c]; }`,
      ]),
      "}",
      ...rows.map((row) => `sum${row} = 1.0f / sum${row};`),
    ];
    for (const [first, size, valueBlocks] of blocksOf(d, valueBlock)) {
      const columns = range(size);
      lines.push(
        `for (int e = ${first}; e < ${first + size * valueBlocks}; e += ${size}) {`,
        `float ${rows.flatMap((row) => columns.map((column) => `a${row}_${column} = 0.0f`)).join(", ")};`,
        "const float *p = rectified, *r = products + e;",
        `for (int c = 0; c < ${d}; c++) {`,
        ...productStep(
          rows,
          columns,
          (row) => `p[${row}]`,
          (column) => `r[${column}]`,
        ),
        `p += ${count};`,
        `r += ${d};`,
        "}",
        ...rows.flatMap((row) =>
          columns.flatMap((column) => [
            `a${row}_${column} *= sum${row};`,
            epilogue.store(`a${row}_${column}`, `o + e + ${row * channels + column}`, `h + e + ${column}`),
          ]),
        ),
        "}",
      );
    }
    const name = unit.define(
      "linear_attention_block",
      [
        "const float *q",
        "const float *restrict products",
        "const float *restrict totals",
        "float *y",
        "float *restrict rectified",
        "int o",
        ...(withChannel ? ["int h"] : []),
        ...epilogue.parameters,
      ],
      lines.join("\n"),
      { about: `${count} queries of one head of ${d} channels` },
    );
    const given = ["q + o", "products", "totals", "y", "rectified", "o", ...(withChannel ? ["h"] : [])];
    return `${name}(${[...given, ...names].join(", ")});`;
  };
  return {
    types: { cell: "float", result: "float", sum: "float", rectified: "float" },
    summary: `${summary}(k + h, v + h, products, totals);`,
    ...{ most, block, parameters: epilogue.parameters, arguments: epilogue.arguments },
  };
}
