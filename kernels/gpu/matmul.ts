import type { KernelSource } from "./kernel-source.ts";

export interface MatmulSizes {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** y [m,n] = a [m,k] · b [k,n]; a is stored as [k,m] and b as [n,k] when transposed */
export function matmulForward({ m, k, n, transposeA, transposeB }: MatmulSizes): KernelSource {
  return {
    source: `function (a, b) {
      const i = Math.floor((this.thread.x + 0.5) / ${n});
      const j = this.thread.x - i * ${n};
      let sum = 0;
      for (let p = 0; p < ${k}; p++) {
        sum += a[${transposeA ? `p * ${m} + i` : `i * ${k} + p`}] * b[${transposeB ? `j * ${k} + p` : `p * ${n} + j`}];
      }
      return sum;
    }`,
    longestLoop: k,
  };
}
