export { writeFileAtomically } from "./atomic-write.ts";
export { findCheckpoint, loadCheckpoint, runFiles, saveCheckpoint } from "./checkpoint-file.ts";
export * from "./datasets.ts";
export { fileSource } from "./file-source.ts";
export { trainIntoFolder, type TrainingRunOptions, type TrainingRunResult } from "./training-run.ts";
