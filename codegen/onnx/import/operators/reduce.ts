import { globalAveragePool } from "../../../../engine/ops/pool.ts";
import { reduce, type ReduceKind } from "../../../../engine/ops/reduce-axes.ts";
import { reductionOf } from "../fold.ts";
import type { Row } from "../row.ts";
import { View, withShape } from "../view.ts";

export const reducing =
  (kind: ReduceKind): Row =>
  (call) => {
    const x = call.view(0);
    const { axes, keep } = reductionOf(call, x.shape.length);
    const { tensor, order } = x.free();
    const own = axes.map((axis) => order.indexOf(axis)).sort((a, b) => a - b);
    const shape = tensor.shape.map((size, at) => (own.includes(at) ? 1 : size));
    const pooled = kind === "mean" && tensor.shape.length === 4 && own.join() === "1,2";
    const y = pooled ? withShape(globalAveragePool(tensor), shape) : reduce(tensor, kind, own);
    const view = View.of(axes.length === 0 ? tensor : y, order);
    return [keep ? view : view.reshaped(x.shape.filter((_, axis) => !axes.includes(axis)))];
  };
