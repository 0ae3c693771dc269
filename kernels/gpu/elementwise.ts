import type { Emitter, Value } from "./emitter.ts";

/** y = a + b */
export function addForward(emit: Emitter, a: Value, b: Value): Value {
  return emit.map([a, b], (_, [a, b]) => `${a} + ${b}`);
}

/** y = a · b */
export function multiplyForward(emit: Emitter, a: Value, b: Value): Value {
  return emit.map([a, b], (_, [a, b]) => `${a} * ${b}`);
}

/** y = factor · x */
export function scaleForward(emit: Emitter, x: Value, factor: number): Value {
  return emit.map([x], (_, [x]) => `${x} * ${factor}`);
}

/** y = max(x, 0); what is not a number stays so */
export function reluForward(emit: Emitter, x: Value): Value {
  return emit.map([x], (_, [x]) => `${x} < 0 ? 0 : ${x}`);
}

/** dx = dy where y > 0 */
export function reluGradient(emit: Emitter, y: Value, dy: Value): Value {
  return emit.map([y, dy], (_, [y, dy]) => `${y} > 0 ? ${dy} : 0`);
}

/** dx [count] from dy [] */
export function meanGradient(emit: Emitter, dy: Value, count: number): Value {
  return emit.cells(count, [dy], (_, [dy]) => `${dy.at(0)} * ${1 / count}`);
}
