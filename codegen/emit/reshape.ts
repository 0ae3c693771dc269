import { emitElementwise } from "./elementwise.ts";
import type { Emitter } from "./emitter.ts";

/** Only a reshape with an epilogue comes here: all others are aliases. */
export const reshape: Emitter<"reshape"> = {
  overwritableInputs: () => [0],
  emit: (call) => emitElementwise(call, "reshape", { operands: call.x, value: "x0[i]" }),
};
