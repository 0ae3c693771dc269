import type { Floats } from "./floats.ts";
import { softmaxForward } from "./softmax.ts";

/** loss [] (0 when every row is masked), probabilities [n,c] from logits [n,c], labels [n] */
export function crossEntropyForward(
  loss: Floats,
  probabilities: Floats,
  logits: Floats,
  labels: Floats,
  n: number,
  c: number,
  smoothing: number,
): void {
  let sum = 0;
  let rows = 0;
  for (let row = 0; row < n; row++) {
    if (labels[row] < 0) continue;
    rows++;
    const at = row * c;
    let largest = -Infinity;
    for (let i = 0; i < c; i++) largest = Math.max(largest, logits[at + i]);
    let total = 0;
    for (let i = 0; i < c; i++) total += Math.exp(logits[at + i] - largest);
    const normalizer = largest + Math.log(total);
    for (let i = 0; i < c; i++) sum += target(i, labels[row], c, smoothing) * (normalizer - logits[at + i]);
  }
  loss[0] = rows === 0 ? 0 : sum / rows;
  softmaxForward(probabilities, logits, n, c);
}

/** dlogits [n,c] from probabilities [n,c], labels [n], dloss [] */
export function crossEntropyGradient(
  dlogits: Floats,
  probabilities: Floats,
  labels: Floats,
  dloss: Floats,
  n: number,
  c: number,
  smoothing: number,
): void {
  let rows = 0;
  for (let row = 0; row < n; row++) if (labels[row] >= 0) rows++;
  for (let row = 0, at = 0; row < n; row++)
    for (let i = 0; i < c; i++, at++)
      dlogits[at] =
        labels[row] < 0 ? 0 : (dloss[0] / rows) * (probabilities[at] - target(i, labels[row], c, smoothing));
}

function target(index: number, label: number, c: number, smoothing: number): number {
  return (index === label ? 1 - smoothing : 0) + smoothing / c;
}
