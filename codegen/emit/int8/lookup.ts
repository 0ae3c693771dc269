import type { IntegerEmitter } from "./emitter.ts";
import { sameRows } from "../elementwise.ts";
import { emitCells } from "./cells.ts";

/** y = table[x + 128] */
export const lookup: IntegerEmitter<"lookup"> = {
  overwritableInputs: [0],
  windows: sameRows,
  emit: (call) => {
    const table = call.unit.constant(`${call.layer.name}, table`, call.layer.table);
    return emitCells(call, "lookup", {
      types: ["int8_t", "int8_t"],
      tables: [table],
      cell: ["y[i] = t0[x[i] + 128];"],
    });
  },
};
