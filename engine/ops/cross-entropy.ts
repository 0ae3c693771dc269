import { ShapeError } from "../errors.ts";
import { record } from "../record.ts";
import { checkRank, formatShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/**
 * Softmax cross-entropy, averaged over the rows whose label is not negative (those are masked out).
 * logits [n,c], labels [n] (class numbers) → loss [], probabilities [n,c].
 * @param smoothing label smoothing ε: targets are (1 − ε)·onehot + ε/c (Szegedy et al. 2016)
 * @throws ShapeError
 */
export function crossEntropy(
  logits: Tensor,
  labels: Tensor,
  { smoothing = 0 } = {},
): { loss: Tensor; probabilities: Tensor } {
  const [loss, probabilities] = record("crossEntropy", [logits, labels], { smoothing });
  return { loss: loss!, probabilities: probabilities! };
}

export function crossEntropyShape(
  [logits, labels]: readonly Shape[],
  { smoothing }: { readonly smoothing: number },
): Shape[] {
  checkRank("crossEntropy", "logits", logits!, 2, "[n,classes]");
  if (labels!.length !== 1 || labels![0] !== logits![0])
    throw new ShapeError(`crossEntropy: labels must be [${logits![0]}], got ${formatShape(labels!)}`);
  if (!(smoothing >= 0 && smoothing < 1))
    throw new ShapeError(`crossEntropy: smoothing must be at least 0 and below 1, got ${smoothing}`);
  return [[], logits!];
}
