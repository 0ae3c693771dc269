import type { Attributes } from "../../../engine/ops/vocabulary.ts";
import type { Shape } from "../../../engine/shape.ts";
import { bindFinish } from "./finish.ts";
import { int8, type Int8Operand, type Kernel, type Run } from "./operand.ts";

/** x [m,k] (or [k,m] transposed), w [k,n] (or [n,k] transposed) */
export const matmul: Kernel<"matmul"> = (call) => {
  const { weights, weightShape, attributes } = call.layer;
  const b = { cells: weights, shape: weightShape, zero: 0 };
  return multiplyMatrices(int8(call.x[0]), b, attributes, call.y.shape, bindFinish(call));
};

export const product: Kernel<"product"> = (call) =>
  multiplyMatrices(int8(call.x[0]), int8(call.x[1]), call.layer.attributes, call.y.shape, bindFinish(call));

function multiplyMatrices(
  a: Int8Operand,
  b: Int8Operand,
  { transposeA, transposeB }: Attributes<"matmul">,
  [m, n]: Shape,
  finish: (sums: Int32Array, at: number) => void,
): Run {
  const k = a.shape[transposeA ? 0 : 1];
  const [rowOfA, stepOfA] = transposeA ? [1, m] : [k, 1];
  const [stepOfB, columnOfB] = transposeB ? [1, k] : [n, 1];
  const sums = new Int32Array(n);
  return () => {
    for (let row = 0; row < m; row++) {
      sums.fill(0);
      for (let i = 0; i < k; i++) {
        const value = a.cells[row * rowOfA + i * stepOfA] - a.zero;
        for (let o = 0; o < n; o++) sums[o] += Math.imul(value, b.cells[i * stepOfB + o * columnOfB] - b.zero);
      }
      finish(sums, row * n);
    }
  };
}
