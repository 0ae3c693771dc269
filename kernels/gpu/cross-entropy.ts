import type { Emitter, Value } from "./emitter.ts";
import { cell } from "./kernel-text.ts";
import { logSumExp, softmaxForward } from "./softmax.ts";

/** loss [] (0 when every row is masked), probabilities [n,c] from logits [n,c], labels [n] */
export function crossEntropyForward(
  emit: Emitter,
  logits: Value,
  labels: Value,
  n: number,
  c: number,
  smoothing: number,
): readonly [loss: Value, probabilities: Value] {
  const normalizers = logSumExp(emit, logits, n, c);
  const losses = emit.cells(n, [logits, labels, normalizers], (text, [logits, labels, normalizers]) => {
    text.block(`const label = ${labels.at(cell)};
const normalizer = ${normalizers.at(cell)};
let sum = 0;
if (label >= 0) {
for (let i = 0; i < ${c}; i++) {
${target("i", "label", c, smoothing)}
sum += target * (normalizer - ${logits.at(`${cell} * ${c} + i`)});
}
}`);
    return "sum";
  });
  const loss = emit.cells(1, [losses, labels], (text, [losses, labels]) => {
    text.block(`let sum = 0;
let rows = 0;
for (let row = 0; row < ${n}; row++) {
sum += ${losses.at("row")};
if (${labels.at("row")} >= 0) {
rows += 1;
}
}`);
    return "sum / Math.max(rows, 1)";
  });
  return [loss, softmaxForward(emit, logits, normalizers, c)];
}

/** dlogits [n,c] from probabilities [n,c], labels [n], dloss [] */
export function crossEntropyGradient(
  emit: Emitter,
  probabilities: Value,
  labels: Value,
  dloss: Value,
  n: number,
  c: number,
  smoothing: number,
): Value {
  return emit.cells(n * c, [probabilities, labels, dloss], (text, [probabilities, labels, dloss]) => {
    const [row, i] = text.split(cell, c);
    text.block(`const label = ${labels.at(row)};
let rows = 0;
for (let other = 0; other < ${n}; other++) {
if (${labels.at("other")} >= 0) {
rows += 1;
}
}
${target(i, "label", c, smoothing)}
let gradient = 0;
if (label >= 0) {
gradient = ${dloss.at(0)} / rows * (${probabilities.at(cell)} - target);
}`);
    return "gradient";
  });
}

function target(index: string, label: string, c: number, smoothing: number): string {
  return `let target = ${smoothing / c};
if (${index} === ${label}) {
target += ${1 - smoothing};
}`;
}
