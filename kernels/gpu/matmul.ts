import type { Emitter, Value } from "./emitter.ts";
import { cell } from "./kernel-text.ts";

export interface MatmulSizes {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** y [m,n] = a [m,k] · b [k,n]; a is stored as [k,m] and b as [n,k] when transposed */
export function matmulForward(emit: Emitter, a: Value, b: Value, s: MatmulSizes): Value {
  const { m, k, n } = s;
  return emit.sums(m * n, k, [a, b], (text, [a, b], index) => {
    const [i, j] = text.split(index, n);
    const left = a.at(s.transposeA ? `place * ${m} + ${i}` : `${i} * ${k} + place`);
    const right = b.at(s.transposeB ? `${j} * ${k} + place` : `place * ${n} + ${j}`);
    return `sum += ${left} * ${right};`;
  });
}

/** y [rows,c] = x [rows,c] + b [c] */
export function biasForward(emit: Emitter, x: Value, b: Value): Value {
  const c = b.count;
  return emit.map([x], (text, [x], [b]) => `${x} + ${b.at(text.split(cell, c)[1])}`, [b]);
}
