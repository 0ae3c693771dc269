import { elementCount } from "../../../engine/shape.ts";
import { rowAt, rowText } from "../rows.ts";
import type { IntegerCall } from "./emitter.ts";

/** A loop in which `cell` makes y[i] of x[i], and of int8 tables named t0, t1, … @param types C types of x and y */
export function emitCells(
  call: IntegerCall,
  kind: string,
  {
    types: [from, to],
    tables = [],
    cell,
  }: { types: readonly [from: string, to: string]; tables?: readonly string[]; cell: readonly string[] },
): string {
  const rows = rowText(call, { y: to, summand: "int8_t" });
  const count = elementCount(call.rows ? call.output.slice(2) : call.output);
  const x = call.rows ? [`const ${from} *const x = ${rowAt("x_rows", call.rows.x[0]!, "oy", count)};`] : [];
  call.unit.include("stdint.h");
  const name = call.unit.define(
    kind,
    [
      `const ${from} *x${rows.suffix}`,
      ...tables.map((_, index) => `const int8_t *restrict t${index}`),
      `${to} *y${rows.suffix}`,
      ...rows.parameters,
    ],
    rows.body(count, [...x, `for (int i = 0; i < ${count}; i++) {`, ...cell, "}"]),
  );
  return `${name}(${[call.x[0]!, ...tables, call.y, ...rows.arguments].join(", ")});`;
}
