import type { Floats } from "./floats.ts";

/** y = a + b, all [count] */
export function addForward(y: Floats, a: Floats, b: Floats, count: number): void {
  for (let i = 0; i < count; i++) y[i] = a[i] + b[i];
}

/** y = a · b, all [count] */
export function multiplyForward(y: Floats, a: Floats, b: Floats, count: number): void {
  for (let i = 0; i < count; i++) y[i] = a[i] * b[i];
}

/** y = factor · x, both [count] */
export function scaleForward(y: Floats, x: Floats, count: number, factor: number): void {
  for (let i = 0; i < count; i++) y[i] = factor * x[i];
}

/** y = max(x, 0), both [count] */
export function reluForward(y: Floats, x: Floats, count: number): void {
  for (let i = 0; i < count; i++) y[i] = Math.max(x[i], 0);
}

/** dx = dy where y > 0, all [count] */
export function reluGradient(dx: Floats, y: Floats, dy: Floats, count: number): void {
  for (let i = 0; i < count; i++) dx[i] = y[i] > 0 ? dy[i] : 0;
}
