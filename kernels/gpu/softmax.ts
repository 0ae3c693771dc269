import type { Emitter, Value } from "./emitter.ts";
import { cell } from "./kernel-text.ts";

/** The least float32 number. */
const least = -3.4028234663852886e38;

/** y [rows] = log Σ exp(x) over each row of x [rows,c] */
export function logSumExp(emit: Emitter, x: Value, rows: number, c: number): Value {
  return emit.cells(rows, [x], (text, [x]) => {
    const value = x.at(`from + i`);
    text.block(`const from = ${cell} * ${c};
let largest = ${least};
for (let i = 0; i < ${c}; i++) {
largest = Math.max(largest, ${value});
}
let sum = 0;
for (let i = 0; i < ${c}; i++) {
sum += Math.exp(${value} - largest);
}`);
    return "largest + Math.log(sum)";
  });
}

/** y = softmax of each row of x, both [rows,c], from the rows' logarithms of sums [rows] */
export function softmaxForward(emit: Emitter, x: Value, normalizers: Value, c: number): Value {
  return emit.map([x], (text, [x], [normalizers]) => `Math.exp(${x} - ${normalizers.at(text.split(cell, c)[0])})`, [
    normalizers,
  ]);
}

/** dx from y, dy, all [rows,c] */
export function softmaxGradient(emit: Emitter, y: Value, dy: Value, rows: number, c: number): Value {
  const dots = emit.cells(rows, [y, dy], (text, [y, dy]) => {
    text.block(`const from = ${cell} * ${c};
let sum = 0;
for (let i = 0; i < ${c}; i++) {
sum += ${y.at("from + i")} * ${dy.at("from + i")};
}`);
    return "sum";
  });
  return emit.map([y, dy], (text, [y, dy], [dots]) => `${y} * (${dy} - ${dots.at(text.split(cell, c)[0])})`, [dots]);
}
