import type { Floats } from "./floats.ts";

/** y = softmax of each row of x, both [rows,c] */
export function softmaxForward(y: Floats, x: Floats, rows: number, c: number): void {
  for (let row = 0; row < rows; row++) {
    const at = row * c;
    let largest = -Infinity;
    for (let i = 0; i < c; i++) largest = Math.max(largest, x[at + i]);
    let sum = 0;
    for (let i = 0; i < c; i++) sum += Math.exp(x[at + i] - largest);
    for (let i = 0; i < c; i++) y[at + i] = Math.exp(x[at + i] - largest) / sum;
  }
}

/** dx from y, dy, all [rows,c] */
export function softmaxGradient(dx: Floats, y: Floats, dy: Floats, rows: number, c: number): void {
  for (let row = 0; row < rows; row++) {
    const at = row * c;
    let dot = 0;
    for (let i = 0; i < c; i++) dot += y[at + i] * dy[at + i];
    for (let i = 0; i < c; i++) dx[at + i] = y[at + i] * (dy[at + i] - dot);
  }
}
