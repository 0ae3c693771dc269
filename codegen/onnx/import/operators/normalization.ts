import { binary } from "../../../../engine/ops/binary.ts";
import { batchNorm, layerNorm } from "../../../../engine/ops/normalize.ts";
import { reduce } from "../../../../engine/ops/reduce-axes.ts";
import { unary } from "../../../../engine/ops/unary.ts";
import { elementCount } from "../../../../engine/shape.ts";
import type { Tensor } from "../../../../engine/tensor.ts";
import type { Row } from "../row.ts";
import { withShape } from "../view.ts";

/** With the statistics of training; channels are axis 1. */
export const batchNormalization: Row = (call) => {
  if (call.int("training_mode", 0) === 1) call.fail("the model is in training mode: export it for inference");
  const x = call.view(0);
  if (x.shape.length < 2) call.fail("the operand has no channels");
  const channels = x.shape[1]!;
  const term = (index: number, name: string): Tensor => call.table(name, call.static(index, name), [channels]);
  const [gamma, beta, mean, variance] = [term(1, "gamma"), term(2, "beta"), term(3, "mean"), term(4, "variance")];
  const axes = x.shape.map((_, axis) => axis);
  const order = x.shape.length === 2 ? axes : [0, ...axes.slice(2), 1];
  const last = x.permuted(order);
  const { tensor, view } = last.rows();
  const given = sameChannels(last.tensor, tensor);
  const y = batchNorm(given, mean, variance, { gamma, beta }, call.float("epsilon", 1e-5));
  const back = axes.map((axis) => order.indexOf(axis));
  return [(given === last.tensor ? last.with(y) : view(y)).permuted(back)];
};

/** The tensor as it was where its last axis is the rows' already: nothing then stands between two ops. */
function sameChannels(given: Tensor, rows: Tensor): Tensor {
  return given.shape.at(-1) === rows.shape[1] && isSame(given, rows) ? given : rows;
}

function isSame(given: Tensor, rows: Tensor): boolean {
  return (
    withShape(given, rows.shape) === rows ||
    (rows.node.kind === "op" && rows.node.op === "reshape" && rows.node.inputs[0] === given)
  );
}

/** Over all axes from `axis` on, which become one. */
export const layerNormalization: Row = (call) => {
  const x = call.view(0);
  const axis = call.axis(call.int("axis", -1), x.shape.length);
  const size = elementCount(x.shape.slice(axis));
  const epsilon = call.float("epsilon", 1e-5);
  const joined = x.reshaped([...x.shape.slice(0, axis), size]);
  const { tensor, cells, view } = joined.rows();
  const table = (index: number, name: string, otherwise: number): Tensor => {
    const given = call.optionalStatic(index, name);
    if (given !== undefined && given.data.length !== size)
      call.fail(`${name} has ${given.data.length} values, expected ${size}`);
    return call.weight(name, [size], () => Float32Array.from(cells, (cell) => given?.data[cell] ?? otherwise));
  };
  const affine = { gamma: table(1, "gamma", 1), beta: table(2, "beta", 0) };
  const y = layerNorm(sameChannels(joined.tensor, tensor), affine, epsilon);
  const result = view(withShape(y, tensor.shape)).reshaped(x.shape);
  if (call.node.outputs.length === 1) return [result];
  // Mean and 1 / deviation of each row.
  const perRow = x.shape.map((length, at) => (at < axis ? length : 1));
  const mean = reduce(tensor, "mean", [1]);
  const centred = binary(tensor, mean, "subtract");
  const variance = reduce(centred.multiply(centred), "mean", [1]);
  const shifted = variance.bias(call.weight("epsilon", [1], () => Float32Array.of(epsilon)));
  const inverse = unary(unary(shifted, "sqrt"), "reciprocal");
  return [result, view(mean).reshaped(perRow), view(inverse).reshaped(perRow)];
};
