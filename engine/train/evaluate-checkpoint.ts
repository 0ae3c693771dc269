import type { Backend } from "../backend.ts";
import type { ImageSet } from "../data/image-set.ts";
import type { Model } from "../model.ts";
import { restoreModel, type Checkpoint } from "./checkpoint.ts";
import { evaluateModel, type Evaluation } from "./evaluate-model.ts";

/**
 * As evaluateModel, with what a training kept, and images normalised as they were for it.
 * @param model that was trained; its slots may be more than those of the architecture
 * @throws DataError when the checkpoint lacks a value, or set and model do not fit
 */
export async function evaluateCheckpoint(
  model: Model,
  checkpoint: Checkpoint,
  set: ImageSet,
  backend: Backend,
): Promise<Evaluation> {
  const { state } = restoreModel(checkpoint);
  const { normalization } = checkpoint;
  return evaluateModel(model, state, set, { backend, normalization });
}
