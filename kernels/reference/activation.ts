import type { Floats } from "./floats.ts";

/** y = x · Φ(x), both [count] */
export function geluForward(y: Floats, x: Floats, count: number): void {
  for (let i = 0; i < count; i++) y[i] = x[i] * normal(x[i]);
}

/** dx = dy · (Φ(x) + x · φ(x)), all [count] */
export function geluGradient(dx: Floats, x: Floats, dy: Floats, count: number): void {
  for (let i = 0; i < count; i++)
    dx[i] = dy[i] * (normal(x[i]) + (x[i] * Math.exp(-0.5 * x[i] * x[i])) / Math.sqrt(2 * Math.PI));
}

/** y = 1 / (1 + exp(−x)), both [count] */
export function sigmoidForward(y: Floats, x: Floats, count: number): void {
  for (let i = 0; i < count; i++) y[i] = 1 / (1 + Math.exp(-x[i]));
}

/** dx = dy · y · (1 − y), all [count] */
export function sigmoidGradient(dx: Floats, y: Floats, dy: Floats, count: number): void {
  for (let i = 0; i < count; i++) dx[i] = dy[i] * y[i] * (1 - y[i]);
}

/** y = x · min(6, max(0, x + 3)) / 6, both [count] */
export function hardSwishForward(y: Floats, x: Floats, count: number): void {
  for (let i = 0; i < count; i++) y[i] = (x[i] * Math.min(6, Math.max(0, x[i] + 3))) / 6;
}

/** dx = dy times 0 up to −3, x/3 + 1/2 between, 1 from 3; all [count] */
export function hardSwishGradient(dx: Floats, x: Floats, dy: Floats, count: number): void {
  for (let i = 0; i < count; i++) dx[i] = dy[i] * (x[i] <= -3 ? 0 : x[i] < 3 ? x[i] / 3 + 0.5 : 1);
}

/**
 * The normal distribution Φ: a half and φ(x) · Σ x^(2n+1) / (2n+1)!! (Abramowitz and Stegun 1964, 26.2.11), whose terms
 * all have one sign; to 2e-16 in absolute value.
 */
export function normal(x: number): number {
  if (Math.abs(x) > 8.5) return x > 0 ? 1 : 0;
  let sum = x;
  for (let term = x, n = 3; Math.abs(term) > 1e-17 * Math.abs(sum); n += 2) {
    term *= (x * x) / n;
    sum += term;
  }
  return 0.5 + (sum * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI);
}
