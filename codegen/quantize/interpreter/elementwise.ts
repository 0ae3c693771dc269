import type { AccumulatingOp } from "../graph.ts";
import { bindFinish } from "./finish.ts";
import { int8, type Call, type Kernel, type Run } from "./operand.ts";

/** Finishes `value` of each cell, a row of channels at a time. */
function eachCell(call: Call<AccumulatingOp>, value: (cell: number, channel: number) => number): Run {
  const finish = bindFinish(call);
  const count = call.y.cells.length;
  const channels = call.y.shape.at(-1) ?? 1;
  const sums = new Int32Array(channels);
  return () => {
    for (let at = 0; at < count; at += channels) {
      for (let c = 0; c < channels; c++) sums[c] = value(at + c, c);
      finish(sums, at);
    }
  };
}

/** x [...,c], w [c] */
export const affine: Kernel<"affine"> = (call) => {
  const { weights } = call.layer;
  const { cells, zero } = int8(call.x[0]);
  return eachCell(call, (cell, c) => weights[c] * (cells[cell] - zero));
};

export const add: Kernel<"add"> = (call) => {
  const [factorA, factorB] = call.layer.factors;
  const [a, b] = call.x.map(int8);
  return eachCell(call, (cell) => factorA * (a.cells[cell] - a.zero) + factorB * (b.cells[cell] - b.zero));
};

export const multiply: Kernel<"multiply"> = (call) => {
  const [a, b] = call.x.map(int8);
  return eachCell(call, (cell) => (a.cells[cell] - a.zero) * (b.cells[cell] - b.zero));
};
