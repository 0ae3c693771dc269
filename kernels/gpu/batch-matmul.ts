import type { Emitter, Value } from "./emitter.ts";

/** y [batch,m,n] = a [batch,m,k] · b [batch,k,n] */
export function batchMatmulForward(
  emit: Emitter,
  a: Value,
  b: Value,
  batch: number,
  { m, k, n }: { readonly m: number; readonly k: number; readonly n: number },
): Value {
  return emit.sums(batch * m * n, k, [a, b], (text, [a, b], index) => {
    const [row, column] = text.split(index, n);
    const [matrix] = text.split(row, m);
    const left = a.at(`${row} * ${k} + place`);
    const right = b.at(`${matrix} * ${k * n} + place * ${n} + ${column}`);
    return `sum += ${left} * ${right};`;
  });
}
