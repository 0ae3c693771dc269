import { elementCount } from "../../../engine/shape.ts";
import type { AccumulatingOp } from "../../quantize/graph.ts";
import { sameRows } from "../elementwise.ts";
import { rowAt, rowText } from "../rows.ts";
import { int8Input, type IntegerCall, type IntegerEmitter } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";

/** A loop over all cells: `value` is the C expression of the sum of a cell, from x0, x1, … */
function emitElementwise(
  call: IntegerCall<AccumulatingOp>,
  kind: string,
  value: string,
  { correction = () => 0, tables = [] }: { correction?: (channel: number) => number; tables?: readonly string[] },
): string {
  const { unit, output } = call;
  const epilogue = epilogueOf(call, [correction]);
  const rows = rowText(call, { y: epilogue.type, summand: "int8_t" });
  const count = elementCount(call.rows ? output.slice(2) : output);
  const channels = output.at(-1) ?? 1;
  const pointers = (call.rows?.x ?? []).map(
    (room, index) => `const int8_t *const x${index} = ${rowAt(`x${index}_rows`, room, "oy", count)};`,
  );
  const name = unit.define(
    kind,
    [
      ...call.x.map((_, index) => `const int8_t *x${index}${rows.suffix}`),
      ...tables.map((_, index) => `const int8_t *restrict t${index}`),
      `${epilogue.type} *y${rows.suffix}`,
      ...epilogue.parameters,
      ...rows.parameters,
    ],
    rows.body(count, [
      ...pointers,
      `for (int i = 0; i < ${count};) {
    for (int c = 0; c < ${channels}; c++, i++) {
    int32_t v = ${epilogue.start("c")} + ${value};
    ${epilogue.open("c").join("\n")}
    ${epilogue.store("v", "i")}
    }
    }`,
    ]),
  );
  return `${name}(${[...call.x, ...tables, call.y, ...epilogue.arguments, ...rows.arguments].join(", ")});`;
}

/** x [...,c], w [c] */
export const affine: IntegerEmitter<"affine"> = {
  overwritableInputs: [0],
  windows: sameRows,
  emit: (call) => {
    const { weights } = call.layer;
    const { zero } = int8Input(call);
    const table = call.unit.constant(`${call.layer.name}, weights`, weights);
    const correction = (channel: number): number => -zero * weights[channel]!;
    return emitElementwise(call, "affine", "t0[c] * x0[i]", { correction, tables: [table] });
  },
};

export const add: IntegerEmitter<"add"> = {
  overwritableInputs: [0, 1],
  windows: sameRows,
  emit: (call) => {
    const { factors } = call.layer;
    const zeros = factors.reduce((sum, factor, position) => sum + factor * int8Input(call, position).zero, 0);
    const value = `${factors[0]} * x0[i] + ${factors[1]} * x1[i]`;
    return emitElementwise(call, "add", value, { correction: () => -zeros });
  },
};

export const multiply: IntegerEmitter<"multiply"> = {
  overwritableInputs: [0, 1],
  windows: sameRows,
  emit: (call) => {
    const [a, b] = [int8Input(call), int8Input(call, 1)];
    return emitElementwise(call, "multiply", `(x0[i] - (${a.zero})) * (x1[i] - (${b.zero}))`, {});
  },
};
