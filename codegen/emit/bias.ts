import { emitElementwise, sameRows } from "./elementwise.ts";
import { table, type Emitter } from "./emitter.ts";

export const bias: Emitter<"bias"> = {
  overwritableInputs: () => [0],
  windows: sameRows,
  emit: (call) => {
    const [x, b] = [...call.x, ...call.layer.weights.map((weights) => table(call.unit, weights))];
    return emitElementwise(call, "bias", { operands: [x!], tables: [b!], value: "x0[i] + t0[c]" });
  },
};
