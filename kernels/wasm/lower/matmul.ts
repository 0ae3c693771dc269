import type { Lowering } from "../emitter.ts";

export const matmul: Lowering<"matmul"> = ({ inputs: [a], shapes: [y], attributes }, emit) => {
  const [m, n] = y as [number, number];
  const k = a!.shape[attributes.transposeA ? 0 : 1]!;
  const strides = [...(attributes.transposeA ? [1, m] : [k, 1]), ...(attributes.transposeB ? [1, k] : [n, 1])];
  emit.step("matmul", [emit.output(0), emit.input(0), emit.input(1), m, n, k, ...strides]);
};
