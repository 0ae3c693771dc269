import { emitElementwise, sameRows } from "./elementwise.ts";
import type { Emitter } from "./emitter.ts";

/** A norm that no convolution before it could take in: one factor and one shift per channel. */
export const batchNorm: Emitter<"batchNorm"> = {
  overwritableInputs: () => [0],
  windows: sameRows,
  emit: (call) => {
    const { layer, unit } = call;
    const [mean, variance, gamma, beta] = layer.weights.map((weights) => weights.values());
    const factor = variance!.map((v, c) => (gamma?.[c] ?? 1) / Math.sqrt(v + call.attributes.epsilon));
    const shift = mean!.map((m, c) => (beta?.[c] ?? 0) - m * factor[c]!);
    return emitElementwise(call, "batch_norm", {
      operands: call.x,
      tables: [unit.constant(`${layer.name}.factor`, factor), unit.constant(`${layer.name}.shift`, shift)],
      value: "x0[i] * t0[c] + t1[c]",
    });
  },
};
