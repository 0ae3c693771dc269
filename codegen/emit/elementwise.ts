import type { InferenceOp } from "../../engine/ops/vocabulary.ts";
import { elementCount, sameShape } from "../../engine/shape.ts";
import type { LayerCall, LayerShapes, RowWindow } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";
import { rowAt, rowText, sameRow } from "./rows.ts";

/** Row by row, for tensors of rows. */
export function sameRows({ inputs, output }: Pick<LayerShapes, "inputs" | "output">): RowWindow[] | undefined {
  const same = output.length === 4 && inputs.every((shape) => sameShape(shape, output));
  return same ? inputs.map(() => sameRow) : undefined;
}

/**
 * A loop over all cells: `operands` are pointers named x0, x1, … read at the cell, `tables` pointers named t0, t1, …
 * read at the channel; `value` is the C expression of the result.
 */
export function emitElementwise<K extends InferenceOp>(
  call: LayerCall<K>,
  kind: string,
  { operands, tables = [], value }: { operands: readonly string[]; tables?: readonly string[]; value: string },
): string {
  const { output, unit } = call;
  const epilogue = epilogueOf(call);
  const rows = rowText(call);
  const count = elementCount(call.rows ? output.slice(2) : output);
  const channels = output.at(-1) ?? 1;
  const byChannel = tables.length > 0 || call.layer.epilogue.some((step) => step.kind === "bias");
  const cell = `float v = ${value};\n${epilogue.store("v", "i", "c")}`;
  const body = byChannel
    ? `for (int i = 0; i < ${count};) {\nfor (int c = 0; c < ${channels}; c++, i++) {\n${cell}\n}\n}`
    : `for (int i = 0; i < ${count}; i++) {\n${cell}\n}`;
  const operandRows = (call.rows?.x ?? []).map(
    (room, index) => `const float *const x${index} = ${rowAt(`x${index}_rows`, room, "oy", count)};`,
  );
  const name = unit.define(
    kind,
    [
      ...operands.map((_, index) => `const float *x${index}${index < operandRows.length ? rows.suffix : ""}`),
      ...tables.map((_, index) => `const float *restrict t${index}`),
      `float *y${rows.suffix}`,
      ...epilogue.parameters,
      ...rows.parameters,
    ],
    rows.body(count, [...operandRows, body]),
  );
  return `${name}(${[...operands, ...tables, call.y, ...epilogue.arguments, ...rows.arguments].join(", ")});`;
}
