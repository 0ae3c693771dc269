import type { Emitter, Value } from "./emitter.ts";
import type { KernelText } from "./kernel-text.ts";

/**
 * A half and t · P(t²) / Q(t²), t being x within ±bound, where the function has reached 0 and 1; coefficients by falling
 * powers.
 */
interface Rational {
  readonly bound: number;
  readonly p: readonly number[];
  readonly q: readonly number[];
}

/** Φ(x), minimax to 8e-9. */
const normal: Rational = {
  bound: 5.53,
  p: [2.2565532e-8, 6.3518128e-6, 0.0001702528, 0.004685725, 0.034002822, 0.39894223],
  q: [1.1921285e-6, 7.4053016e-5, 0.0018925377, 0.02872992, 0.2518983, 1],
};

/** Φ(x) + x · φ(x), likewise. */
const slope: Rational = {
  bound: 6.3,
  p: [1.9787349e-8, 1.2411509e-6, 3.4214143e-5, 0.00031948977, 0.0136116855, -0.015929582, 0.7978845],
  q: [1.4211348e-9, 4.301624e-7, 1.18584885e-5, 0.0002751014, 0.0043058367, 0.046517707, 0.31336784, 1],
};

function rational(text: KernelText, x: string, { bound, p, q }: Rational): string {
  const t = text.let(`Math.min(${bound}, Math.max(${-bound}, ${x}))`);
  const u = text.let(`${t} * ${t}`);
  const polynomial = (coefficients: readonly number[]): string =>
    coefficients.map(String).reduce((sum, coefficient) => `(${sum}) * ${u} + ${coefficient}`);
  return `(0.5 + ${t} * (${polynomial(p)}) / (${polynomial(q)}))`;
}

/** y = x · Φ(x) */
export function geluForward(emit: Emitter, x: Value): Value {
  return emit.map([x], (text, [x]) => `${x} * ${rational(text, x, normal)}`);
}

/** dx = dy · (Φ(x) + x · φ(x)) */
export function geluGradient(emit: Emitter, x: Value, dy: Value): Value {
  return emit.map([x, dy], (text, [x, dy]) => `${dy} * ${rational(text, x, slope)}`);
}

/** y = 1 / (1 + exp(−x)) */
export function sigmoidForward(emit: Emitter, x: Value): Value {
  return emit.map([x], (_, [x]) => `1 / (1 + Math.exp(0 - ${x}))`);
}

/** dx = dy · y · (1 − y) */
export function sigmoidGradient(emit: Emitter, y: Value, dy: Value): Value {
  return emit.map([y, dy], (_, [y, dy]) => `${dy} * ${y} * (1 - ${y})`);
}

/** y = x · min(6, max(0, x + 3)) / 6 */
export function hardSwishForward(emit: Emitter, x: Value): Value {
  return emit.map([x], (_, [x]) => `${x} * Math.min(6, Math.max(0, ${x} + 3)) * ${1 / 6}`);
}

/** dx = dy times 0 up to −3, x/3 + 1/2 between, 1 from 3 */
export function hardSwishGradient(emit: Emitter, x: Value, dy: Value): Value {
  return emit.map([x, dy], (_, [x, dy]) => `${x} <= -3 ? 0 : (${x} < 3 ? ${dy} * (${x} * ${1 / 3} + 0.5) : ${dy})`);
}
