import type { Emitter, Value } from "./emitter.ts";
import { cell, repeat, type KernelText, type Operand } from "./kernel-text.ts";
import { mostElements } from "./limits.ts";
import { logSumExp, softmaxForward } from "./softmax.ts";
import type { AttentionSizes } from "../heads.ts";

/**
 * y [n,tokens,heads·d] and logSumExp [n,heads,tokens] from q, k, v [n,tokens,heads·d]. Threads do not share what they
 * compute, so that scores are stored: those of as many images at a time as one array holds.
 */
export function attentionForward(
  emit: Emitter,
  q: Value,
  k: Value,
  v: Value,
  s: AttentionSizes,
): readonly [y: Value, logSumExp: Value] {
  const parts = someImages(s).map(({ first, sizes }) => {
    const [qs, ks, vs] = [q, k, v].map((value) => imagesOf(value, first, sizes.n, s.n)) as [Value, Value, Value];
    const rows = sizes.n * s.heads * s.tokens;
    const scores = emit.cells(
      rows * s.tokens,
      [qs, ks],
      (text, [q, k]) => `${s.scale} * ${dot(text, q, k, sizes).sum}`,
    );
    const normalizers = logSumExp(emit, scores, rows, s.tokens);
    const weights = softmaxForward(emit, scores, normalizers, s.tokens);
    return { y: weightedSums(emit, weights, vs, sizes, "over keys"), normalizers };
  });
  return [emit.join(parts.map(({ y }) => y)), emit.join(parts.map(({ normalizers }) => normalizers))];
}

/** dq, dk, dv [n,tokens,heads·d] from dy, q, k, v, y [n,tokens,heads·d], logSumExp [n,heads,tokens] */
export function attentionGradient(
  emit: Emitter,
  dy: Value,
  q: Value,
  k: Value,
  v: Value,
  y: Value,
  normalizers: Value,
  s: AttentionSizes,
): readonly [dq: Value, dk: Value, dv: Value] {
  const parts = someImages(s).map(({ first, sizes }) => {
    const [dys, qs, ks, vs, ys, lse] = [dy, q, k, v, y, normalizers].map((value) =>
      imagesOf(value, first, sizes.n, s.n),
    ) as [Value, Value, Value, Value, Value, Value];
    const count = sizes.n * s.heads * s.tokens * s.tokens;
    const weights = emit.cells(count, [qs, ks, lse], (text, [q, k, lse]) => {
      const { sum, row } = dot(text, q, k, sizes);
      return `Math.exp(${s.scale} * ${sum} - ${lse.at(row)})`;
    });
    const means = queryDots(emit, dys, ys, sizes);
    const dscores = emit.cells(count, [dys, vs, weights, means], (text, [dy, v, weights, means]) => {
      const { sum, row } = dot(text, dy, v, sizes);
      return `${s.scale} * ${weights.at(cell)} * (${sum} - ${means.at(row)})`;
    });
    return {
      dq: weightedSums(emit, dscores, ks, sizes, "over keys"),
      dk: weightedSums(emit, dscores, qs, sizes, "over queries"),
      dv: weightedSums(emit, weights, dys, sizes, "over queries"),
    };
  });
  return [
    emit.join(parts.map(({ dq }) => dq)),
    emit.join(parts.map(({ dk }) => dk)),
    emit.join(parts.map(({ dv }) => dv)),
  ];
}

/** As few runs of images as keep the scores of each within one array. */
function someImages(s: AttentionSizes): { readonly first: number; readonly sizes: AttentionSizes }[] {
  const most = Math.max(1, Math.floor(mostElements / (s.heads * s.tokens * s.tokens)));
  return Array.from({ length: Math.ceil(s.n / most) }, (_, run) => ({
    first: run * most,
    sizes: { ...s, n: Math.min(most, s.n - run * most) },
  }));
}

function imagesOf(value: Value, first: number, images: number, n: number): Value {
  const size = value.count / n;
  return value.part(first * size, images * size);
}

/** Of a cell of [n,heads,tokens,tokens]: Σ over channels of a (its query) · b (its key), and its row [n,heads,tokens] */
function dot(
  text: KernelText,
  a: Operand,
  b: Operand,
  { n, tokens, heads, d }: AttentionSizes,
): { readonly sum: string; readonly row: string } {
  const [image, head, query, key] = text.coordinates(cell, [n, heads, tokens, tokens]);
  const [row] = text.split(cell, tokens);
  text.block(`const query = (${image} * ${tokens} + ${query}) * ${heads * d} + ${head} * ${d};
const key = (${image} * ${tokens} + ${key}) * ${heads * d} + ${head} * ${d};
let sum = 0;
${repeat(d, (c) => `sum += ${a.at(`query + ${c}`)} * ${b.at(`key + ${c}`)};`)}`);
  return { sum: "sum", row };
}

/** [n,heads,tokens] = Σ over channels of a · b, both [n,tokens,heads·d] */
function queryDots(emit: Emitter, a: Value, b: Value, { n, tokens, heads, d }: AttentionSizes): Value {
  return emit.cells(n * heads * tokens, [a, b], (text, [a, b]) => {
    const [image, head, token] = text.coordinates(cell, [n, heads, tokens]);
    text.block(`const from = (${image} * ${tokens} + ${token}) * ${heads * d} + ${head} * ${d};
let sum = 0;
for (let c = 0; c < ${d}; c++) {
sum += ${a.at("from + c")} * ${b.at("from + c")};
}`);
    return "sum";
  });
}

/** y [n,tokens,heads·d] = weights [n,heads,tokens,tokens] · x [n,tokens,heads·d], or the transposed weights. */
function weightedSums(
  emit: Emitter,
  weights: Value,
  x: Value,
  { n, tokens, heads, d }: AttentionSizes,
  direction: "over keys" | "over queries",
): Value {
  const [token, other] = direction === "over keys" ? [tokens, 1] : [1, tokens];
  return emit.cells(x.count, [weights, x], (text, [weights, x]) => {
    const [image, at, head, c] = text.coordinates(cell, [n, tokens, heads, d]);
    text.block(`const first = (${image} * ${heads} + ${head}) * ${tokens * tokens} + ${at} * ${token};
const from = ${image} * ${tokens * heads * d} + ${head} * ${d} + ${c};
let sum = 0;
${repeat(tokens, (i) => `sum += ${weights.at(`first + ${i} * ${other}`)} * ${x.at(`from + ${i} * ${heads * d}`)};`)}`);
    return "sum";
  });
}
