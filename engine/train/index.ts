export { batchStatistics } from "./batch-statistics.ts";
export { decodeCheckpoint, encodeCheckpoint, restoreModel, type Checkpoint, type RestoredModel } from "./checkpoint.ts";
export {
  evaluateModel,
  readState,
  writeState,
  type EvaluateOptions,
  type Evaluation,
  type ModelState,
} from "./evaluate-model.ts";
export { predictedClasses, type EpochMetrics } from "./metrics.ts";
export { pairedDrop, type PairedDrop } from "./paired-drop.ts";
export { adamW, sgd, type AdamWOptions, type Optimizer, type SgdOptions, type StepInputs } from "./optimizers.ts";
export { constantRate, cosine, oneCycle, type Schedule } from "./schedules.ts";
export { Trainer, type Callback, type FitOptions, type StepInfo, type TrainerOptions } from "./trainer.ts";
export { pruneChannels, type Pruned } from "./prune.ts";
export { averagedState, type WeightAverageOptions } from "./weight-average.ts";
export { evaluationStep, trainingStep, type TrainingStepOptions } from "./training-step.ts";
