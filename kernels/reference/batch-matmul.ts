import type { Floats } from "./floats.ts";
import { matmulForward } from "./matmul.ts";

/** y [batch,m,n] = a [batch,m,k] · b [batch,k,n] */
export function batchMatmulForward(
  y: Floats,
  a: Floats,
  b: Floats,
  batch: number,
  { m, k, n }: { readonly m: number; readonly k: number; readonly n: number },
): void {
  const sizes = { m, k, n, transposeA: false, transposeB: false };
  for (let i = 0; i < batch; i++)
    matmulForward(
      y.subarray(i * m * n, (i + 1) * m * n),
      a.subarray(i * m * k, (i + 1) * m * k),
      b.subarray(i * k * n, (i + 1) * k * n),
      sizes,
    );
}
