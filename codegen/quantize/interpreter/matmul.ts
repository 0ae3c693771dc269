import type { Attributes } from "../../../engine/ops/vocabulary.ts";
import { elementCount, type Shape } from "../../../engine/shape.ts";
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

/** The last two axes are matrices, the ones before them count these. */
function multiplyMatrices(
  a: Int8Operand,
  b: Int8Operand,
  { transposeA, transposeB }: Attributes<"matmul">,
  shape: Shape,
  finish: (sums: Int32Array, at: number) => void,
): Run {
  const [m, n] = shape.slice(-2);
  const k = a.shape.at(transposeA ? -2 : -1)!;
  const batch = elementCount(shape) / (m * n);
  const [rowOfA, stepOfA] = transposeA ? [1, m] : [k, 1];
  const [stepOfB, columnOfB] = transposeB ? [1, k] : [n, 1];
  const sums = new Int32Array(n);
  return () => {
    for (let matrix = 0; matrix < batch; matrix++)
      for (let row = 0; row < m; row++) {
        sums.fill(0);
        for (let i = 0; i < k; i++) {
          const value = a.cells[matrix * m * k + row * rowOfA + i * stepOfA] - a.zero;
          const from = matrix * k * n + i * stepOfB;
          for (let o = 0; o < n; o++) sums[o] += Math.imul(value, b.cells[from + o * columnOfB] - b.zero);
        }
        finish(sums, (matrix * m + row) * n);
      }
  };
}
