import type { UnaryKind } from "../../engine/ops/unary.ts";
import type { Attributes } from "../../engine/ops/vocabulary.ts";
import type { Emitter, Value } from "./emitter.ts";
import type { KernelText } from "./kernel-text.ts";

type Write = (text: KernelText, x: string, a: number, b: number) => string;

const sigmoid = (x: string): string => `1 / (1 + Math.exp(-(${x})))`;

/** By the rational function that the WebAssembly kernel has too. */
function erf(text: KernelText, x: string): string {
  const t = text.let(`Math.max(-5.53, Math.min(5.53, ${x} * 1.41421356))`);
  const u = text.let(`${t} * ${t}`);
  const polynomial = (coefficients: readonly string[]): string =>
    coefficients.slice(1).reduce((sum, c) => `(${sum}) * ${u} + ${c}`, coefficients[0]!);
  const p = ["0.000000022565532", "0.0000063518128", "0.0001702528", "0.004685725", "0.034002822", "0.39894223"];
  const q = ["0.0000011921285", "0.000074053016", "0.0018925377", "0.02872992", "0.2518983", "1"];
  return `2 * ${t} * (${polynomial(p)}) / (${polynomial(q)})`;
}

const functions: Readonly<Record<UnaryKind, Write>> = {
  clip: (_, x, a, b) => `Math.min(Math.max(${x}, ${a}), ${b})`,
  leakyRelu: (_, x, a) => `${x} < 0 ? ${a} * ${x} : ${x}`,
  elu: (_, x, a) => `${x} < 0 ? ${a} * (Math.exp(${x}) - 1) : ${x}`,
  thresholdedRelu: (_, x, a) => `${x} > ${a} ? ${x} : 0`,
  hardSigmoid: (_, x, a, b) => `Math.max(0, Math.min(1, ${a} * ${x} + ${b}))`,
  silu: (_, x) => `${x} / (1 + Math.exp(-${x}))`,
  geluTanh: (_, x) => `${x} * (${sigmoid(`1.5957691 * (${x} + 0.044715 * ${x} * ${x} * ${x})`)})`,
  tanh: (text, x) => {
    const e = text.let(`Math.exp(-2 * Math.abs(${x}))`);
    return `(${x} < 0 ? -1 : 1) * (1 - ${e}) / (1 + ${e})`;
  },
  softplus: (_, x) => `Math.max(${x}, 0) + Math.log(1 + Math.exp(-Math.abs(${x})))`,
  exp: (_, x) => `Math.exp(${x})`,
  log: (_, x) => `Math.log(${x})`,
  sqrt: (_, x) => `Math.sqrt(${x})`,
  reciprocal: (_, x) => `1 / ${x}`,
  abs: (_, x) => `Math.abs(${x})`,
  power: (text, x, a) => power(text, x, String(a)),
  erf,
  round: (text, x) => {
    const down = text.let(`Math.floor(${x})`);
    const rest = text.let(`${x} - ${down}`);
    const odd = text.let(`${down} - 2 * Math.floor(${down} * 0.5)`);
    return `${rest} > 0.5 ? ${down} + 1 : (${rest} < 0.5 ? ${down} : ${down} + ${odd})`;
  },
  floor: (_, x) => `Math.floor(${x})`,
  ceil: (_, x) => `Math.ceil(${x})`,
};

/** aᵇ, for whole b of negative a too: shaders have powers of positive numbers alone. */
export function power(text: KernelText, a: string, b: string): string {
  const size = text.let(`Math.pow(Math.abs(${a}), ${b})`);
  const odd = text.let(`${b} - 2 * Math.floor(${b} * 0.5)`);
  return `(${a} < 0 && ${odd} === 1) ? -${size} : ${size}`;
}

/** y = f(x) */
export function unaryForward(emit: Emitter, x: Value, { kind, a, b }: Attributes<"unary">): Value {
  return emit.map([x], (text, [x]) => functions[kind](text, text.let(x), a, b));
}
