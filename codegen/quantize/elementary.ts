import type { Activation } from "../../engine/ops/activation.ts";
import type { UnaryKind } from "../../engine/ops/unary.ts";
import type { Attributes } from "../../engine/ops/vocabulary.ts";
import { powerOfTwo } from "./powers-of-two.ts";

/**
 * Functions behind tables of integers, of +, −, ×, ÷ alone: every engine gives the same bits, which `Math.exp` does
 * not promise. Each is within 1e-14 of the real value, relative for exp, absolute for the others.
 */

const log2e = 1.4426950408889634;
/** ln 2 in two parts: a product of the upper one with an exponent is exact. */
const ln2Upper = 6.93147180369123816e-1;
const ln2Lower = 1.9082149292705877e-10;
const ln2 = 0.6931471805599453;

/** eˣ; as at ±690 beyond. */
export function exp(exponent: number): number {
  const x = Math.max(-690, Math.min(690, exponent));
  const octaves = Math.floor(x * log2e + 0.5);
  const rest = x - octaves * ln2Upper - octaves * ln2Lower;
  let sum = 1;
  for (let term = 17; term > 0; term--) sum = 1 + (rest * sum) / term;
  return sum * powerOfTwo(octaves);
}

/** Halves go up, also below zero. */
export function round(x: number): number {
  return Math.floor(x + 0.5);
}

/** The normal distribution Φ: a half and φ(x) · Σ x^(2n+1) / (2n+1)!! (Abramowitz and Stegun 1964, 26.2.11). */
function normal(x: number): number {
  if (Math.abs(x) > 8.5) return x > 0 ? 1 : 0;
  let sum = x;
  for (let term = x, n = 3; Math.abs(term) > 1e-17 * Math.abs(sum); n += 2) {
    term *= (x * x) / n;
    sum += term;
  }
  return 0.5 + (sum * exp(-0.5 * x * x)) / 2.5066282746310002;
}

/** ln x for x > 0: the logarithm of a number near 1 by its series of (m − 1) / (m + 1), and octaves. */
function log(x: number): number {
  if (!(x > 0)) return x === 0 ? -Infinity : NaN;
  let octaves = 0;
  let m = x;
  for (; m > Math.SQRT2; m /= 2) octaves++;
  for (; m < Math.SQRT1_2; m *= 2) octaves--;
  const ratio = (m - 1) / (m + 1);
  let sum = 0;
  for (let power = 25; power > 0; power -= 2) sum = sum * ratio * ratio + 1 / power;
  return 2 * ratio * sum + octaves * ln2Upper + octaves * ln2Lower;
}

const sigmoid = (x: number): number => 1 / (1 + exp(-x));

/** xᵃ; by multiplications for whole exponents. */
function power(x: number, a: number): number {
  if (!Number.isInteger(a) || Math.abs(a) > 64) return x < 0 ? NaN : x === 0 ? (a > 0 ? 0 : Infinity) : exp(a * log(x));
  let product = 1;
  for (let times = Math.abs(a); times > 0; times--) product *= x;
  return a < 0 ? 1 / product : product;
}

function roundToEven(x: number): number {
  const down = Math.floor(x);
  return x - down === 0.5 && down % 2 === 0 ? down : round(x);
}

/** What the float ops of these names compute. */
export const activations: Readonly<Record<Activation, (x: number) => number>> = {
  relu: (x) => Math.max(x, 0),
  gelu: (x) => x * normal(x),
  sigmoid,
  hardSwish: (x) => (x * Math.min(6, Math.max(0, x + 3))) / 6,
};

const unaries: Readonly<Record<UnaryKind, (x: number, a: number, b: number) => number>> = {
  clip: (x, a, b) => Math.min(Math.max(x, a), b),
  leakyRelu: (x, a) => (x < 0 ? a * x : x),
  elu: (x, a) => (x < 0 ? a * (exp(x) - 1) : x),
  thresholdedRelu: (x, a) => (x > a ? x : 0),
  hardSigmoid: (x, a, b) => Math.max(0, Math.min(1, a * x + b)),
  silu: (x) => x * sigmoid(x),
  // √(8/π)
  geluTanh: (x) => x * sigmoid(1.5957691216057308 * (x + 0.044715 * x * x * x)),
  tanh: (x) => 2 * sigmoid(2 * x) - 1,
  softplus: (x) => Math.max(x, 0) + log(1 + exp(-Math.abs(x))),
  exp,
  log,
  sqrt: (x) => Math.sqrt(x),
  reciprocal: (x) => 1 / x,
  abs: (x) => Math.abs(x),
  power: (x, a) => power(x, a),
  erf: (x) => 2 * normal(x * Math.SQRT2) - 1,
  round: roundToEven,
  floor: (x) => Math.floor(x),
  ceil: (x) => Math.ceil(x),
};

/** The function of a unary op. */
export function unaryFunction({ kind, a, b }: Attributes<"unary">): (x: number) => number {
  return (x) => unaries[kind](x, a, b);
}

/** T of docs/int8.md: round(32767 · 2^(−f / 256)), f = 0 … 255. */
export const octave: Uint16Array = Uint16Array.from({ length: 256 }, (_, f) => round(32767 * exp((-f * ln2) / 256)));
