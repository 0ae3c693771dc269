import { emitElementwise, sameRows } from "./elementwise.ts";
import { table, type Emitter } from "./emitter.ts";

export const multiply: Emitter<"multiply"> = {
  overwritableInputs: () => [0, 1],
  windows: (shapes) => (shapes.layer.weights.length > 0 ? undefined : sameRows(shapes)),
  emit: (call) => {
    const operands = [...call.x, ...call.layer.weights.map((weights) => table(call.unit, weights))];
    return emitElementwise(call, "multiply", { operands, value: "x0[i] * x1[i]" });
  },
};
