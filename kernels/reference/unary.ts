import type { UnaryKind } from "../../engine/ops/unary.ts";
import type { Attributes } from "../../engine/ops/vocabulary.ts";
import { normal } from "./activation.ts";
import type { Floats } from "./floats.ts";

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

const functions: Readonly<Record<UnaryKind, (x: number, a: number, b: number) => number>> = {
  clip: (x, a, b) => Math.min(Math.max(x, a), b),
  leakyRelu: (x, a) => (x < 0 ? a * x : x),
  elu: (x, a) => (x < 0 ? a * Math.expm1(x) : x),
  thresholdedRelu: (x, a) => (x > a ? x : 0),
  hardSigmoid: (x, a, b) => Math.max(0, Math.min(1, a * x + b)),
  silu: (x) => x * sigmoid(x),
  geluTanh: (x) => x * sigmoid(Math.sqrt(8 / Math.PI) * (x + 0.044715 * x ** 3)),
  tanh: (x) => Math.tanh(x),
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  exp: (x) => Math.exp(x),
  log: (x) => Math.log(x),
  sqrt: (x) => Math.sqrt(x),
  reciprocal: (x) => 1 / x,
  abs: (x) => Math.abs(x),
  power: (x, a) => x ** a,
  erf: (x) => 2 * normal(x * Math.SQRT2) - 1,
  round: (x) => roundToEven(x),
  floor: (x) => Math.floor(x),
  ceil: (x) => Math.ceil(x),
};

function roundToEven(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  if (rest !== 0.5) return Math.round(x);
  return down % 2 === 0 ? down : down + 1;
}

/** y = f(x), both [count] */
export function unaryForward(y: Floats, x: Floats, count: number, { kind, a, b }: Attributes<"unary">): void {
  const f = functions[kind];
  for (let i = 0; i < count; i++) y[i] = f(x[i], a, b);
}
