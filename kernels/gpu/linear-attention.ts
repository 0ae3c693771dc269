import type { Emitter, Value } from "./emitter.ts";
import { cell } from "./kernel-text.ts";
import type { LinearAttentionSizes } from "../heads.ts";

/** y [n,tokens,heads·d] from q, k, v [n,tokens,heads·d] */
export function linearAttentionForward(emit: Emitter, q: Value, k: Value, v: Value, s: LinearAttentionSizes): Value {
  const { n, tokens, heads, d } = s;
  const operands = [q, keyProducts(emit, k, v, s), keyTotals(emit, k, undefined, s)] as const;
  return emit.cells(q.count, operands, (text, [q, products, totals]) => {
    const [image, token, head, e] = text.coordinates(cell, [n, tokens, heads, d]);
    text.block(`const from = (${image} * ${tokens} + ${token}) * ${heads * d} + ${head} * ${d};
const first = (${image} * ${heads} + ${head}) * ${d};
let sum = 0;
let normalizer = ${s.epsilon};
for (let c = 0; c < ${d}; c++) {
const query = Math.max(${q.at("from + c")}, 0);
sum += query * ${products.at(`(first + c) * ${d} + ${e}`)};
normalizer += query * ${totals.at("first + c")};
}`);
    return "sum / normalizer";
  });
}

/** dq, dk, dv from dy, q, k, v, y, all [n,tokens,heads·d] */
export function linearAttentionGradient(
  emit: Emitter,
  dy: Value,
  q: Value,
  k: Value,
  v: Value,
  y: Value,
  s: LinearAttentionSizes,
): readonly [dq: Value, dk: Value, dv: Value] {
  const { n, tokens, heads, d } = s;
  const products = keyProducts(emit, k, v, s);
  const totals = keyTotals(emit, k, undefined, s);
  const normalizers = emit.cells(n * tokens * heads, [q, totals], (text, [q, totals]) => {
    const [image, , head] = text.coordinates(cell, [n, tokens, heads]);
    text.block(`const first = (${image} * ${heads} + ${head}) * ${d};
let normalizer = ${s.epsilon};
for (let c = 0; c < ${d}; c++) {
normalizer += Math.max(${q.at(`${cell} * ${d} + c`)}, 0) * ${totals.at("first + c")};
}`);
    return "normalizer";
  });
  const g = emit.map([dy], (text, [dy], [normalizers]) => `${dy} / ${normalizers.at(text.split(cell, d)[0])}`, [
    normalizers,
  ]);
  const dnormalizers = emit.cells(n * tokens * heads, [g, y], (text, [g, y]) => {
    text.block(`let sum = 0;
for (let e = 0; e < ${d}; e++) {
sum += ${g.at(`${cell} * ${d} + e`)} * ${y.at(`${cell} * ${d} + e`)};
}`);
    return "0 - sum";
  });
  const dq = emit.cells(
    q.count,
    [q, g, dnormalizers, products, totals],
    (text, [q, g, dnormalizers, products, totals]) => {
      const [image, , head, c] = text.coordinates(cell, [n, tokens, heads, d]);
      const [row] = text.split(cell, d);
      text.block(`const first = (${image} * ${heads} + ${head}) * ${d} + ${c};
let sum = 0;
if (${q.at(cell)} > 0) {
sum = ${dnormalizers.at(row)} * ${totals.at("first")};
for (let e = 0; e < ${d}; e++) {
sum += ${g.at(`${row} * ${d} + e`)} * ${products.at(`first * ${d} + e`)};
}
}`);
      return "sum";
    },
  );
  const dproducts = keyProducts(emit, q, g, s);
  const dtotals = keyTotals(emit, q, dnormalizers, s);
  const dk = emit.cells(k.count, [k, v, dproducts, dtotals], (text, [k, v, dproducts, dtotals]) => {
    const [image, , head, c] = text.coordinates(cell, [n, tokens, heads, d]);
    const [row] = text.split(cell, d);
    text.block(`const first = (${image} * ${heads} + ${head}) * ${d} + ${c};
let sum = 0;
if (${k.at(cell)} > 0) {
sum = ${dtotals.at("first")};
for (let e = 0; e < ${d}; e++) {
sum += ${v.at(`${row} * ${d} + e`)} * ${dproducts.at(`first * ${d} + e`)};
}
}`);
    return "sum";
  });
  const dv = emit.cells(v.count, [k, dproducts], (text, [k, dproducts]) => {
    const [image, , head, e] = text.coordinates(cell, [n, tokens, heads, d]);
    const [row] = text.split(cell, d);
    text.block(`const first = (${image} * ${heads} + ${head}) * ${d};
let sum = 0;
for (let c = 0; c < ${d}; c++) {
sum += Math.max(${k.at(`${row} * ${d} + c`)}, 0) * ${dproducts.at(`(first + c) * ${d} + ${e}`)};
}`);
    return "sum";
  });
  return [dq, dk, dv];
}

/** [n,heads,d,d] = Σ over tokens of relu(a)ᵀ b, both [n,tokens,heads·d] */
function keyProducts(emit: Emitter, a: Value, b: Value, { n, tokens, heads, d }: LinearAttentionSizes): Value {
  return emit.sums(n * heads * d * d, tokens, [a, b], (text, [a, b], index) => {
    const [image, head, c, e] = text.coordinates(index, [n, heads, d, d]);
    const row = `(${image} * ${tokens} + place) * ${heads * d} + ${head} * ${d}`;
    return `sum += Math.max(${a.at(`${row} + ${c}`)}, 0) * ${b.at(`${row} + ${e}`)};`;
  });
}

/** [n,heads,d] = Σ over tokens of relu(a) [n,tokens,heads·d], times factors [n,tokens,heads] where there are any */
function keyTotals(
  emit: Emitter,
  a: Value,
  factors: Value | undefined,
  { n, tokens, heads, d }: LinearAttentionSizes,
): Value {
  const operands = factors ? ([a, factors] as const) : ([a] as const);
  return emit.sums(n * heads * d, tokens, operands, (text, [a, factors], index) => {
    const [image, head, c] = text.coordinates(index, [n, heads, d]);
    const row = `(${image} * ${tokens} + place) * ${heads}`;
    const value = `Math.max(${a.at(`(${row} + ${head}) * ${d} + ${c}`)}, 0)`;
    return `sum += ${value}${factors ? ` * ${factors.at(`${row} + ${head}`)}` : ""};`;
  });
}
