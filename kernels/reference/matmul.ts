import type { Floats } from "./floats.ts";

export interface MatmulSizes {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** y [m,n] = a [m,k] · b [k,n]; a is stored as [k,m] and b as [n,k] when transposed */
export function matmulForward(y: Floats, a: Floats, b: Floats, s: MatmulSizes): void {
  const { m, k, n } = s;
  const row = new Float64Array(k);
  const sums = new Float64Array(n);
  for (let i = 0; i < m; i++) {
    for (let p = 0; p < k; p++) row[p] = s.transposeA ? a[p * m + i] : a[i * k + p];
    sums.fill(0);
    if (s.transposeB)
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let p = 0; p < k; p++) sum += row[p] * b[j * k + p];
        sums[j] = sum;
      }
    else
      for (let p = 0; p < k; p++) {
        const value = row[p];
        for (let j = 0; j < n; j++) sums[j] += value * b[p * n + j];
      }
    y.set(sums, i * n);
  }
}

/** y [rows,c] = x [rows,c] + b [c] */
export function biasForward(y: Floats, x: Floats, b: Floats, rows: number, c: number): void {
  for (let row = 0, at = 0; row < rows; row++) for (let i = 0; i < c; i++, at++) y[at] = x[at] + b[i];
}
