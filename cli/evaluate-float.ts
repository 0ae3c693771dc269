import type { Backend } from "../engine/backend.ts";
import type { ImageSet } from "../engine/data/image-set.ts";
import { evaluateModel, type Evaluation } from "../engine/train/evaluate-model.ts";
import type { OpenedModel } from "./open-model.ts";

/** Images of an imported network are recorded one by one. */
const mostImported = 4;

/** Accuracy, loss and confusion of a model in float32. @param batch images of one step @throws DataError */
export function evaluateFloat(
  { model, state, normalization, checkpoint, scoring = model }: OpenedModel,
  set: ImageSet,
  backend: Backend,
  batch = 128,
): Promise<Evaluation> {
  const batchSize = checkpoint === undefined ? Math.min(batch, mostImported) : batch;
  return evaluateModel(scoring, state, set, { backend, normalization, batchSize });
}
