import { binary } from "../../../../engine/ops/binary.ts";
import { reduce } from "../../../../engine/ops/reduce-axes.ts";
import { softmax } from "../../../../engine/ops/softmax.ts";
import { unary } from "../../../../engine/ops/unary.ts";
import { elementCount } from "../../../../engine/shape.ts";
import type { Tensor } from "../../../../engine/tensor.ts";
import type { Row } from "../row.ts";
import { withShape } from "../view.ts";

/** Rows of one axis; before opset 13, of all axes from one on. */
const rowwise =
  (f: (x: Tensor) => Tensor): Row =>
  (call) => {
    const given = call.view(0);
    if (given.shape.length === 0) call.fail("the operand is a scalar");
    const axis = call.axis(call.int("axis", call.opset < 13 ? 1 : -1), given.shape.length);
    const x =
      call.opset < 13 ? given.reshaped([...given.shape.slice(0, axis), elementCount(given.shape.slice(axis))]) : given;
    const axes = x.shape.map((_, at) => at);
    const order = [...axes.filter((at) => at !== axis), axis];
    const { tensor, view } = x.permuted(order).rows();
    const y = view(withShape(f(tensor), tensor.shape)).permuted(axes.map((at) => order.indexOf(at)));
    return [y.reshaped(given.shape)];
  };

export const softmaxRow = rowwise((x) => softmax(x));

/** x − max − log Σ exp(x − max) */
export const logSoftmax = rowwise((x) => {
  const shifted = binary(x, reduce(x, "largest", [1]), "subtract");
  return binary(shifted, unary(reduce(unary(shifted, "exp"), "sum", [1]), "log"), "subtract");
});
