import type { Emitter, Value } from "./emitter.ts";

/** y [c] = Σ over rows of x [rows,c] */
export function sumRowsForward(emit: Emitter, x: Value, rows: number, c: number): Value {
  return emit.sums(c, rows, [x], (_, [x], channel) => `sum += ${x.at(`place * ${c} + ${channel}`)};`);
}

/** y [] = the mean of x [count] */
export function meanForward(emit: Emitter, x: Value): Value {
  const sum = emit.sums(1, x.count, [x], (_, [x]) => `sum += ${x.at("place")};`);
  return emit.map([sum], (_, [sum]) => `${sum} * ${1 / x.count}`);
}

/** y [] = Σ x² over all tensors */
export function sumOfSquaresForward(emit: Emitter, tensors: readonly Value[]): Value {
  const all = emit.join(tensors);
  return emit.sums(1, all.count, [all], (_, [x]) => `const x = ${x.at("place")};\nsum += x * x;`);
}
