import { emitElementwise } from "./elementwise.ts";
import type { Emitter } from "./emitter.ts";

export const relu: Emitter<"relu"> = {
  overwritableInputs: () => [0],
  emit: (call) => emitElementwise(call, "relu", { operands: call.x, value: "x0[i] > 0.0f ? x0[i] : 0.0f" }),
};
