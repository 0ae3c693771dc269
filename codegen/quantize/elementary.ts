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

/** What the float ops of these names compute. */
export const activations = {
  relu: (x: number) => Math.max(x, 0),
  gelu: (x: number) => x * normal(x),
  sigmoid: (x: number) => 1 / (1 + exp(-x)),
  hardSwish: (x: number) => (x * Math.min(6, Math.max(0, x + 3))) / 6,
} as const;

/** T of docs/int8.md: round(32767 · 2^(−f / 256)), f = 0 … 255. */
export const octave: Uint16Array = Uint16Array.from({ length: 256 }, (_, f) => round(32767 * exp((-f * ln2) / 256)));
