import { elementCount } from "../../../engine/shape.ts";
import type { IntegerEmitter } from "./emitter.ts";

/** y = table[x + 128] */
export const lookup: IntegerEmitter<"lookup"> = {
  overwritableInputs: [0],
  emit: (call) => {
    const { unit, layer } = call;
    const name = unit.define(
      "lookup",
      ["const int8_t *x", "const int8_t *restrict table", "int8_t *y"],
      `for (int i = 0; i < ${elementCount(call.output)}; i++) {
      y[i] = table[x[i] + 128];
      }`,
    );
    return `${name}(${call.x[0]!}, ${unit.constant(`${layer.name}, table`, layer.table)}, ${call.y});`;
  },
};
