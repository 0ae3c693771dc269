import { batchMatmul } from "../../../../engine/ops/batch-matmul.ts";
import { matmul } from "../../../../engine/ops/matmul.ts";
import { elementCount, sameShape, type Shape } from "../../../../engine/shape.ts";
import type { Tensor } from "../../../../engine/tensor.ts";
import type { Call, Operand } from "../call.ts";
import type { Row } from "../row.ts";
import { broadcast, broadcastShape, permuted, reshaped, type Static } from "../static.ts";
import { View, withShape } from "../view.ts";
import { combine } from "./elementwise.ts";
import { expand } from "./expand.ts";

/**
 * The rows of x [...,k] times a constant [k,n]. Where the cells of x lie in another order than ONNX has them, as behind
 * the flattening of an image, the rows of the constant are put in that order.
 */
function timesConstant(call: Call, x: View, weights: Static, factor = 1): View {
  const { tensor, cells, view } = x.rows();
  const [k, n] = weights.shape as [number, number];
  if (k !== tensor.shape[1]) call.fail(`${tensor.shape[1]} columns cannot be multiplied with ${k} rows`);
  const make = (): Float32Array => {
    const values = new Float32Array(k * n);
    cells.forEach((cell, row) => {
      for (let column = 0; column < n; column++) values[row * n + column] = factor * weights.data[cell * n + column]!;
    });
    return values;
  };
  return view(matmul(tensor, call.weight("weight", [k, n], make)));
}

function swapped(rank: number): number[] {
  return Array.from({ length: rank }, (_, axis) =>
    axis === rank - 2 ? rank - 1 : axis === rank - 1 ? rank - 2 : axis,
  );
}

/** Alpha · A · B + beta · C */
export const gemm: Row = (call) => {
  const alpha = call.float("alpha", 1);
  const [transposeA, transposeB] = [call.int("transA", 0) === 1, call.int("transB", 0) === 1];
  const given = call.view(0);
  if (given.shape.length !== 2) call.fail("the first operand must be a matrix");
  const a = transposeA ? given.permuted([1, 0]) : given;
  const b = call.operand(1);
  if (b.shape.length !== 2) call.fail("the second operand must be a matrix");
  const product =
    b.kind === "static"
      ? timesConstant(call, a, transposeB ? permuted(b, [1, 0]) : b, alpha)
      : ofViews(a, transposeB ? b.permuted([1, 0]) : b, (x) => x.scale(alpha), alpha);
  const c = call.inputs[2];
  const beta = call.float("beta", 1);
  if (c === undefined || beta === 0) return [product];
  const summand: Operand = c.kind === "view" ? c.with(beta === 1 ? c.tensor : c.tensor.scale(beta)) : scaled(c, beta);
  return [combine(call, "add", product, summand)];
};

function scaled(x: Static, factor: number): Static {
  return factor === 1 ? x : { ...x, data: Float32Array.from(x.data, (value) => factor * value) };
}

function ofViews(a: View, b: View, scale: (x: Tensor) => Tensor, alpha: number): View {
  const y = matmul(a.natural(), b.natural());
  return View.of(alpha === 1 ? y : scale(y));
}

/** Products of matrices, of many at once where there are more axes. */
export const matMul: Row = (call) => {
  const [a, b] = [call.operand(0), call.operand(1)];
  if (a.shape.length === 0 || b.shape.length === 0) call.fail("operands must not be scalars");
  // A vector is a matrix of one row or one column, whose axis goes again.
  const left = a.shape.length === 1 ? under(a, [1, ...a.shape]) : a;
  const right = b.shape.length === 1 ? under(b, [...b.shape, 1]) : b;
  const y = product(call, left, right);
  const shape = y.shape.filter(
    (_, axis) =>
      !(a.shape.length === 1 && axis === y.shape.length - 2) && !(b.shape.length === 1 && axis === y.shape.length - 1),
  );
  return [y.reshaped(shape)];
};

function under(x: Operand, shape: Shape): Operand {
  return x.kind === "static" ? reshaped(x, shape) : x.reshaped(shape);
}

function product(call: Call, a: Operand, b: Operand): View {
  const [k, rows] = [a.shape.at(-1)!, b.shape.at(-2)!];
  if (k !== rows) call.fail(`${k} columns cannot be multiplied with ${rows} rows`);
  if (a.kind === "static" && b.kind === "static") return product(call, call.constantView(a), b);
  if (b.kind === "static" && a.kind === "view" && elementCount(b.shape.slice(0, -2)) === 1) {
    const shape = [...new Array<number>(Math.max(0, b.shape.length - a.shape.length)).fill(1), ...a.shape];
    return timesConstant(call, a.reshaped(shape), reshaped(b, b.shape.slice(-2)));
  }
  if (a.kind === "static" && elementCount(a.shape.slice(0, -2)) === 1 && b.kind === "view") {
    // (Bᵀ Aᵀ)ᵀ has the constant where the engine takes it.
    const shape = [...new Array<number>(Math.max(0, a.shape.length - b.shape.length)).fill(1), ...b.shape];
    const turned = b.reshaped(shape).permuted(swapped(shape.length));
    const y = timesConstant(call, turned, permuted(reshaped(a, a.shape.slice(-2)), [1, 0]));
    return y.permuted(swapped(y.shape.length));
  }
  const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const shape = [...batch, a.shape.at(-2)!, b.shape.at(-1)!];
  const count = elementCount(batch);
  if (a.kind === "static") {
    const turned = (x: Operand): Operand => {
      const axes = swapped(x.shape.length);
      return x.kind === "static" ? permuted(x, axes) : x.permuted(axes);
    };
    const y = product(call, turned(b), turned(a));
    return y.permuted(swapped(y.shape.length));
  }
  const matrices = (x: Operand): Tensor => {
    const whole = [...batch, ...x.shape.slice(-2)];
    const flat = count === 1 ? x.shape.slice(-2) : [count, ...x.shape.slice(-2)];
    if (x.kind === "static") return call.table("matrices", reshaped(broadcast(x, whole), flat));
    const padded = x.reshaped([...new Array<number>(whole.length - x.shape.length).fill(1), ...x.shape]);
    return withShape((sameShape(padded.shape, whole) ? padded : expand(padded, whole)).natural(), flat);
  };
  const y = count === 1 ? matmul(matrices(a), matrices(b)) : batchMatmul(matrices(a), matrices(b));
  return View.of(y).reshaped(shape);
}
