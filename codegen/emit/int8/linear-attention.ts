import { blockSize, blocksOf, productStep, headSizes, type HeadSizes } from "../blocks.ts";
import { range } from "../../../engine/range.ts";
import { byteWorth } from "./code-price.ts";
import { int8Input, type IntegerEmitter, type IntegerShapes } from "./emitter.ts";
import { normalizationOf } from "./normalize.ts";

const sizesOf = ({ layer, output }: IntegerShapes<"linearAttention">): HeadSizes => headSizes(output, layer.heads);

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
    const { tokens, d } = sizesOf(shapes);
    return [
      { element: "int32", count: d * d + d },
      {
        element: "int16",
        count: Math.max(tokens, Math.min(tokens, rowsAtOnce)) * Math.min(d, rowsAtOnce) + rowsAtOnce * d,
      },
    ];
  },
  emit: (call) => {
    const { unit, layer } = call;
    const { productShift, totalShift, epsilon, leastTotal, result } = layer;
    const { tokens, channels, d } = sizesOf(call);
    const [q, k, v] = [0, 1, 2].map((position) => int8Input(call, position).zero) as [number, number, number];
    const use = { count: d, times: (tokens * channels) / rowsAtOnce };
    const instructionsPerByte = byteWorth[call.schedule.plan];
    const columnBlock = blockSize([use], columnsAtOnce, { written: 1, instructionsPerByte });
    const normalization = normalizationOf(unit, call.target, result, leastTotal);
    const rectified = (cell: string, zero: number): string => `(${cell} > ${zero} ? ${cell} - (${zero}) : 0)`;

    const lines: string[] = [];
    for (const [firstKey, keys, keyBlocks] of blocksOf(d, Math.min(d, rowsAtOnce))) {
      const rows = range(keys);
      lines.push(
        `for (int c = ${firstKey}; c < ${firstKey + keys * keyBlocks}; c += ${keys}) {`,
        `int32_t ${rows.map((row) => `sum${row} = 0`).join(", ")};`,
        `for (int i = 0; i < ${tokens}; i++) {`,
        ...rows.map((row) => {
          const cell = `k[i * ${channels} + c + ${row}]`;
          return `{ const int32_t key = ${rectified(cell, k)}; rectified[i * ${keys} + ${row}] = (int16_t)key; sum${row} += key; }`;
        }),
        "}",
        ...rows.map((row) => `totals[c + ${row}] = ${halved(`sum${row}`, totalShift)};`),
      );
      for (const [firstValue, values, valueBlocks] of blocksOf(d, columnBlock)) {
        const columns = range(values);
        lines.push(
          `for (int e = ${firstValue}; e < ${firstValue + values * valueBlocks}; e += ${values}) {`,
          `int32_t ${rows.flatMap((row) => columns.map((column) => `a${row}_${column} = ${v === 0 ? "0" : `sum${row} * (${-v})`}`)).join(", ")};`,
          "const int16_t *key = rectified;",
          "const int8_t *value = v + e;",
          `for (int i = 0; i < ${tokens}; i++) {`,
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
          ...rows.flatMap((row) =>
            columns.map(
              (column) =>
                `products[(c + ${row}) * ${d} + e + ${column}] = ${halved(`a${row}_${column}`, productShift)};`,
            ),
          ),
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
      { about: `one head of ${d} channels over ${tokens} tokens` },
    );

    const blocks = blocksOf(tokens, Math.min(tokens, rowsAtOnce)).map(([start, count, many]) => {
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
              (column) =>
                `y[${row * channels + column} + e] = ${normalization.cell(`a${row}_${column}`, String(row))};`,
            ),
          ),
          "}",
        );
      }
      const block = unit.define(
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
      return [
        `for (int i = ${start}; i < ${start + count * many}; i += ${count}) {`,
        `const int o = i * ${channels} + h;`,
        `${block}(q + o, products, totals, y + o, rectified);`,
        "}",
      ].join("\n");
    });
    const name = unit.define(
      "linear_attention",
      [
        ...["const int8_t *q", "const int8_t *k", "const int8_t *v", `${normalization.type} *y`],
        ...["int32_t *products", "int16_t *rectified"],
      ],
      [
        `int32_t *const totals = products + ${d * d};`,
        `for (int h = 0; h < ${channels}; h += ${d}) {`,
        `${summary}(k + h, v + h, products, totals, rectified);`,
        ...blocks,
        "}",
      ].join("\n"),
      { about: `${tokens} tokens, ${layer.heads} heads of ${d} channels` },
    );
    return `${name}(${[...call.x, call.y, ...call.scratch].join(", ")});`;
  },
};
