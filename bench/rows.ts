import { z } from "zod";

const row = {
  backend: z.string(),
  variant: z.string(),
  threads: z.int().positive(),
  batch: z.int().positive(),
  /** Seconds of one run. */
  minimum: z.number(),
  median: z.number(),
  samples: z.int().positive(),
};

/** Training and inference: one step over a batch that lies in the back end's memory. */
export const networkRowSchema = z.object({
  suite: z.enum(["train", "infer"]),
  arch: z.string(),
  ...row,
  /** By the median. */
  imagesPerSecond: z.number(),
  macs: z.int(),
});

/** Training by the Trainer beside the same step over a resident batch, interleaved. Seconds of one end-to-end step. */
export const pipelineRowSchema = z.object({
  suite: z.literal("pipeline"),
  arch: z.string(),
  ...row,
  augmentation: z.string(),
  /** End to end, by the median. */
  imagesPerSecond: z.number(),
  residentImagesPerSecond: z.number(),
  /** End to end ÷ resident, the median over pairs of turns. */
  ratio: z.number(),
  /** To decode, augment and normalise one batch on one core, nothing else running. */
  batchSeconds: z.number(),
});

export const kernelRowSchema = z.object({
  suite: z.literal("kernels"),
  kernel: z.string(),
  ...row,
  /** By the median, a multiply-accumulate counting as two; null for kernels that multiply little. */
  gflops: z.number().nullable(),
});

/** Generated code beside that of others: the same network, images, C library and emulator. */
export const codegenRowSchema = z.object({
  suite: z.literal("codegen"),
  model: z.string(),
  precision: z.string(),
  target: z.string(),
  generator: z.enum(["finch", "tvm", "tvm-scheduled"]),
  plan: z.literal("default"),
  /** Executed instructions of one inference, from the emulator; null on this machine. */
  instructions: z.int().nullable(),
  instructionsPerMac: z.number().nullable(),
  textBytes: z.int().nullable(),
  rodataBytes: z.int().nullable(),
  /** Arena or workspace + input + output + painted stack. */
  ramBytes: z.int().nullable(),
  /** Known of our own code alone. */
  stackBytes: z.int().nullable(),
});

export type CodegenRow = z.infer<typeof codegenRowSchema>;
export type PipelineRow = z.infer<typeof pipelineRowSchema>;
export type NetworkRow = z.infer<typeof networkRowSchema>;
export type KernelRow = z.infer<typeof kernelRowSchema>;
