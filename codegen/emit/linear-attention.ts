import { floatLiteral } from "../literals.ts";
import { range } from "../../engine/range.ts";
import { blockSize, blocksOf, productStep, queriesAtOnce, headSizes, type HeadSizes } from "./blocks.ts";
import { byteWorth } from "./code-price.ts";
import type { Emitter, LayerShapes } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";

const sizesOf = ({ attributes, output }: LayerShapes<"linearAttention">): HeadSizes =>
  headSizes(output, attributes.heads);

const rectified = (value: string): string => `${value} > 0.0f ? ${value} : 0.0f`;

/** products [d][d] = relu(k) v, summed over the tokens of one head in registers, and totals [d] = sums of relu(k) */
function summaryBody({ tokens, channels, d }: HeadSizes, keysAtOnce: number, instructionsPerByte: number): string {
  const lines = [
    `for (int c = 0; c < ${d}; c++) {`,
    "float sum = 0.0f;",
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
      lines.push(
        `for (int c = ${firstKey}; c < ${firstKey + keys * keyBlocks}; c += ${keys}) {`,
        `for (int e = ${firstValue}; e < ${firstValue + values * valueBlocks}; e += ${values}) {`,
        `float ${rows.flatMap((row) => columns.map((column) => `a${row}_${column} = 0.0f`)).join(", ")};`,
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
        ...rows.flatMap((row) =>
          columns.map((column) => `products[(c + ${row}) * ${d} + e + ${column}] = a${row}_${column};`),
        ),
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
    const { tokens, d } = sizesOf(shapes);
    return [{ element: "float32", count: d * d + d + queriesAtOnce(shapes, tokens) * d }];
  },
  emit: (call) => {
    const { unit, attributes } = call;
    const sizes = sizesOf(call);
    const { tokens, channels, d } = sizes;
    const queries = queriesAtOnce(call, tokens);
    const instructionsPerByte = byteWorth[call.schedule.plan];
    const valueBlock = blockSize([{ count: d, times: (tokens * channels) / queries }], 6, {
      written: 1,
      instructionsPerByte,
    });
    const epilogue = epilogueOf(call);
    const withChannel = call.layer.epilogue.some((step) => step.kind === "bias");
    const names = epilogue.parameters.map((parameter) => /\w+$/.exec(parameter)![0]);
    const summary = unit.define(
      "linear_attention_summary",
      ["const float *restrict k", "const float *restrict v", "float *restrict products", "float *restrict totals"],
      summaryBody(sizes, Math.min(d, call.target.softFloat ? 1 : 4), instructionsPerByte),
      { about: `one head of ${d} channels over ${tokens} tokens` },
    );
    const blocks = blocksOf(tokens, queries).map(([start, count, many]) => {
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
      const block = unit.define(
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
      const given = ["q + o", "products", "totals", "y", `totals + ${d}`, "o", ...(withChannel ? ["h"] : [])];
      return [
        `for (int i = ${start}; i < ${start + count * many}; i += ${count}) {`,
        `const int o = i * ${channels} + h;`,
        `${block}(${[...given, ...names].join(", ")});`,
        "}",
      ].join("\n");
    });
    const name = unit.define(
      "linear_attention",
      [
        ...["const float *q", "const float *k", "const float *v", "float *y", "float *products"],
        ...epilogue.parameters,
      ],
      [
        `float *const totals = products + ${d * d};`,
        `for (int h = 0; h < ${channels}; h += ${d}) {`,
        `${summary}(k + h, v + h, products, totals);`,
        ...blocks,
        "}",
      ].join("\n"),
      { about: `${tokens} tokens, ${attributes.heads} heads of ${d} channels` },
    );
    return `${name}(${[...call.x, call.y, ...call.scratch, ...epilogue.arguments].join(", ")});`;
  },
};
