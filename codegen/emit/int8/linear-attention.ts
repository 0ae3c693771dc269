import { attentionRows, blockSize, blocksOf, evenBlock, headSizes, productStep, type HeadSizes } from "../blocks.ts";
import { range } from "../../../engine/range.ts";
import { byteWorth } from "./code-price.ts";
import { int8Input, type IntegerCall, type IntegerEmitter, type IntegerShapes } from "./emitter.ts";
import type { Room } from "../rows.ts";
import {
  emitLinearAttention,
  linearAttentionInstructions,
  summaryScratch,
  type LinearAttention,
} from "../gathered-attention.ts";
import { normalizationOf } from "./normalize.ts";

const sizesOf = (shapes: IntegerShapes<"linearAttention">): HeadSizes => headSizes(shapes, shapes.layer.heads);

/** Keys or queries that share what is read, and the values that share them. */
const rowsAtOnce = 4;
const columnsAtOnce = 4;

/** C of x / 2^shift, halves up. */
function halved(value: string, shift: number): string {
  return shift > 0 ? `(${value} + ${2 ** (shift - 1)}) >> ${shift}` : value;
}

export const linearAttention: IntegerEmitter<"linearAttention"> = {
  // A block of queries is copied before its results take its place.
  overwritableInputs: [0],
  scratch: (shapes) => {
    const sizes = sizesOf(shapes);
    const { queries, d } = sizes;
    return [
      { element: "int32", ...summaryScratch(shapes, sizes) },
      { element: "int16", count: Math.max(queries * Math.min(d, rowsAtOnce), evenBlock(queries, rowsAtOnce) * d) },
    ];
  },
  windows: (shapes) => attentionRows(shapes, { gathered: true }),
  estimate: (shapes) => linearAttentionInstructions(shapes, sizesOf(shapes)),
  emit: (rowCall) => emitLinearAttention(rowCall, sizesOf(rowCall), (call) => textOf(call, rowCall.rows?.x[1])),
};

/** @param keyRows rows of the keys, where they are taken in row by row */
function textOf(call: IntegerCall<"linearAttention">, keyRows: Room | undefined): LinearAttention {
  const sizes = sizesOf(call);
  const { unit, layer } = call;
  const { productShift, totalShift, epsilon, leastTotal, result } = layer;
  const { tokens, queries, channels, d } = sizes;
  const [q, k, v] = [0, 1, 2].map((position) => int8Input(call, position).zero) as [number, number, number];
  const use = { count: d, times: (tokens * channels) / rowsAtOnce };
  const instructionsPerByte = byteWorth[call.schedule.plan];
  const columnBlock = blockSize([use], columnsAtOnce, { written: 1, instructionsPerByte });
  const normalization = normalizationOf(unit, call.target, result, leastTotal);
  const rectified = (cell: string, zero: number): string => `(${cell} > ${zero} ? ${cell} - (${zero}) : 0)`;

  const goesOn = keyRows !== undefined;
  const lines: string[] = [];
  for (const [firstKey, keys, keyBlocks] of blocksOf(d, Math.min(d, rowsAtOnce))) {
    const rows = range(keys);
    lines.push(
      `for (int c = ${firstKey}; c < ${firstKey + keys * keyBlocks}; c += ${keys}) {`,
      `int32_t ${rows.map((row) => `sum${row} = 0`).join(", ")};`,
      `for (int i = 0; i < ${queries}; i++) {`,
      ...rows.map((row) => {
        const cell = `k[i * ${channels} + c + ${row}]`;
        return `{ const int32_t key = ${rectified(cell, k)}; rectified[i * ${keys} + ${row}] = (int16_t)key; sum${row} += key; }`;
      }),
      "}",
      ...rows.map((row) => {
        const total = `totals[c + ${row}]`;
        return goesOn ? `${total} += sum${row};` : `${total} = ${halved(`sum${row}`, totalShift)};`;
      }),
    );
    for (const [firstValue, values, valueBlocks] of blocksOf(d, columnBlock)) {
      const columns = range(values);
      const cells = rows.flatMap((row) =>
        columns.map((column) => {
          const cell = `sums[${row * d + column}]`;
          const from = [...(goesOn ? [cell] : []), ...(v === 0 ? [] : [`sum${row} * (${-v})`])].join(" + ");
          return { sum: `a${row}_${column}`, cell, from: from === "" ? "0" : from };
        }),
      );
      lines.push(
        `for (int e = ${firstValue}; e < ${firstValue + values * valueBlocks}; e += ${values}) {`,
        `int32_t *const sums = products + c * ${d} + e;`,
        `int32_t ${cells.map(({ sum, from }) => `${sum} = ${from}`).join(", ")};`,
        "const int16_t *key = rectified;",
        "const int8_t *value = v + e;",
        `for (int i = 0; i < ${queries}; i++) {`,
        ...productStep(
          rows,
          columns,
          (row) => `key[${row}]`,
          (column) => `value[${column}]`,
          "int32_t",
        ),
        `key += ${keys};`,
        `value += ${channels};`,
        "}",
        ...cells.map(({ sum, cell }) => `${cell} = ${goesOn ? sum : halved(sum, productShift)};`),
        "}",
      );
    }
    lines.push("}");
  }
  const summary = unit.define(
    "linear_attention_summary",
    [
      ...["const int8_t *restrict k", "const int8_t *restrict v"],
      ...["int32_t *restrict products", "int32_t *restrict totals", "int16_t *restrict rectified"],
    ],
    lines.join("\n"),
    { about: `one head of ${d} channels over ${queries} tokens` },
  );

  const block = (count: number): string => {
    const rows = range(count);
    const body = [
      `int32_t ${rows.map((row) => `sum${row} = ${epsilon}`).join(", ")};`,
      `for (int c = 0; c < ${d}; c++) {`,
      ...rows.map((row) => {
        const query = rectified(`q[${row * channels} + c]`, q);
        return `{ const int32_t p = ${query}; rectified[c * ${count} + ${row}] = (int16_t)p; sum${row} += p * totals[c]; }`;
      }),
      "}",
      ...rows.map((row) => `sum${row} = sum${row} < ${leastTotal} ? ${leastTotal} : sum${row};`),
      ...rows.map((row) => normalization.open(`sum${row}`, String(row))),
    ];
    for (const [first, size, valueBlocks] of blocksOf(d, columnBlock)) {
      const columns = range(size);
      body.push(
        `for (int e = ${first}; e < ${first + size * valueBlocks}; e += ${size}) {`,
        `int32_t ${rows.flatMap((row) => columns.map((column) => `a${row}_${column} = 0`)).join(", ")};`,
        "const int16_t *p = rectified;",
        "const int32_t *r = products + e;",
        `for (int c = 0; c < ${d}; c++) {`,
        ...productStep(
          rows,
          columns,
          (row) => `p[${row}]`,
          (column) => `r[${column}]`,
          "int32_t",
        ),
        `p += ${count};`,
        `r += ${d};`,
        "}",
        ...rows.flatMap((row) =>
          columns.map(
            (column) => `y[${row * channels + column} + e] = ${normalization.cell(`a${row}_${column}`, String(row))};`,
          ),
        ),
        "}",
      );
    }
    const name = unit.define(
      "linear_attention_block",
      [
        "const int8_t *q",
        ...["const int32_t *restrict products", "const int32_t *restrict totals"],
        `${normalization.type} *y`,
        "int16_t *restrict rectified",
      ],
      body.join("\n"),
      { about: `${count} queries of one head of ${d} channels` },
    );
    return `${name}(q + o, products, totals, y + o, rectified);`;
  };
  const halves = (sums: string, count: number, shift: number): string[] =>
    shift > 0 ? [`for (int i = 0; i < ${count}; i++) {`, `${sums}[i] = ${halved(`${sums}[i]`, shift)};`, "}"] : [];
  const rounded = [...halves("products", d * d, productShift), ...halves("totals", d, totalShift)];
  return {
    types: { cell: "int8_t", result: normalization.type, sum: "int32_t", rectified: "int16_t" },
    summary: [
      `${summary}(k + h, v + h, products, totals, rectified);`,
      ...(goesOn && rounded.length > 0 ? [`if (row == ${keyRows.of - 1}) {`, ...rounded, "}"] : []),
    ].join("\n"),
    ...{ most: evenBlock(queries, rowsAtOnce), block, parameters: [], arguments: [] },
  };
}
