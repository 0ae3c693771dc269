import { floatLiteral } from "../literals.ts";
import type { Emitter } from "./emitter.ts";
import { epilogueOf } from "./epilogue.ts";
import { rowAt, sameRow } from "./rows.ts";

export const globalAveragePool: Emitter<"globalAveragePool"> = {
  windows: () => [{ ...sameRow, reduces: true }],
  emit: (call) => {
    const { unit, rows } = call;
    const [, height, width, channels] = call.inputs[0] as [number, number, number, number];
    // Summands of a result without rows are not in rooms.
    const epilogue = epilogueOf({ ...call, rows: undefined });
    if (rows !== undefined) {
      const name = unit.define(
        "global_average_pool_row",
        ["const float *x", "float *y", ...epilogue.parameters, "int iy"],
        `const float *const row = ${rowAt("x", rows.x[0]!, "iy", width * channels)};
        for (int c = 0; c < ${channels}; c++) {
        const float *cell = row + c;
        float v = iy == 0 ? 0.0f : y[c];
        for (int i = 0; i < ${width}; i++) {
        v += *cell;
        cell += ${channels};
        }
        if (iy < ${height - 1}) {
        y[c] = v;
        } else {
        v *= ${floatLiteral(1 / (height * width))};
        ${epilogue.store("v", "c", "c")}
        }
        }`,
      );
      return `${name}(${[call.x[0], call.y, ...epilogue.arguments, rows.row].join(", ")});`;
    }
    const name = unit.define(
      "global_average_pool",
      ["const float *restrict x", `float *${epilogue.restrict}y`, ...epilogue.parameters],
      `for (int c = 0; c < ${channels}; c++) {
      const float *cell = x + c;
      float v = 0.0f;
      for (int i = 0; i < ${height * width}; i++) {
      v += *cell;
      cell += ${channels};
      }
      v *= ${floatLiteral(1 / (height * width))};
      ${epilogue.store("v", "c", "c")}
      }`,
    );
    return `${name}(${[call.x[0], call.y, ...epilogue.arguments].join(", ")});`;
  },
};
