import { floatLiteral } from "../literals.ts";
import { emitElementwise, sameRows } from "./elementwise.ts";
import type { Emitter } from "./emitter.ts";

export const scale: Emitter<"scale"> = {
  overwritableInputs: () => [0],
  windows: sameRows,
  emit: (call) =>
    emitElementwise(call, "scale", { operands: call.x, value: `${floatLiteral(call.attributes.factor)} * x0[i]` }),
};
