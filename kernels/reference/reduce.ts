import type { Floats } from "./floats.ts";

/** y [c] = Σ over rows of x [rows,c] */
export function sumRowsForward(y: Floats, x: Floats, rows: number, c: number): void {
  const sums = new Float64Array(c);
  for (let row = 0, at = 0; row < rows; row++) for (let i = 0; i < c; i++, at++) sums[i] += x[at];
  y.set(sums);
}

/** y [] = the mean of x [count] */
export function meanForward(y: Floats, x: Floats, count: number): void {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += x[i];
  y[0] = sum / count;
}

/** dx [count] from dy [] */
export function meanGradient(dx: Floats, dy: Floats, count: number): void {
  dx.fill(dy[0] / count);
}

/** y [] = Σ x² over all tensors */
export function sumOfSquaresForward(y: Floats, tensors: readonly Floats[]): void {
  let sum = 0;
  for (const x of tensors) for (let i = 0; i < x.length; i++) sum += x[i] * x[i];
  y[0] = sum;
}
