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

/** How close to the machine's peak, which is measured in the same process: see peak.ts. */
const rooflineFields = {
  /** By the median, a multiply-accumulate counting as two; null for work that multiplies little. */
  gflops: z.number().nullable(),
  /** What must be read and written at least. */
  bytes: z.number(),
  gigabytesPerSecond: z.number(),
  /** Of the peak that bounds the work; above 1 where caches serve what memory would have to. */
  fractionOfPeak: z.number().nullable(),
  bound: z.enum(["compute", "memory"]).nullable(),
};

/** Compared with the reference back end before it was timed. */
const checkFields = {
  checksum: z.number(),
  referenceChecksum: z.number(),
  /** Largest difference, as a share of the largest value. */
  error: z.number(),
  /** Images that the reference computed; the batch repeats them. */
  checkedImages: z.int().positive(),
};

/** What one step does to a GPU. */
const deviceUseSchema = z.object({
  /** Of kernels. */
  launches: z.int(),
  readBacks: z.int(),
  /** On the device when it is over: intermediate values, state, inputs. */
  bytes: z.int(),
});

/** Training and inference: one step over a batch that lies in the back end's memory. */
export const networkRowSchema = z.object({
  suite: z.enum(["train", "infer"]),
  arch: z.string(),
  ...row,
  /** By the median. */
  imagesPerSecond: z.number(),
  /** Intermediate values of one run. */
  activationBytes: z.int(),
  macs: z.int(),
  /** Of the gpu back end alone, whose times include reading the metrics. */
  device: deviceUseSchema.optional(),
  ...rooflineFields,
  ...checkFields,
});

/** Inference of one image: seconds from feeding it to having read its logits, each run by itself. */
export const latencyRowSchema = z.object({
  suite: z.literal("latency"),
  arch: z.string(),
  ...row,
  batch: z.literal(1),
  percentile95: z.number(),
  ...checkFields,
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
  /** To augment and normalise one batch on one core, nothing else running. */
  batchSeconds: z.number(),
});

export const kernelRowSchema = z.object({
  suite: z.literal("kernels"),
  kernel: z.string(),
  /** `forward`, the op that gives a gradient, or `forward and gradient`. */
  pass: z.string(),
  shape: z.string(),
  ...row,
  ...rooflineFields,
  ...checkFields,
});

/** Short trainings as a search does them: one candidate per worker, each on one thread. Seconds of one candidate. */
export const candidatesRowSchema = z.object({
  suite: z.literal("candidates"),
  arch: z.string(),
  ...row,
  /** Workers that train at once. */
  jobs: z.int().positive(),
  /** Of all workers together, training alone. */
  imagesPerSecond: z.number(),
  /** Candidates per second with all workers ÷ with one, interleaved. */
  scaling: z.number(),
  /** The same of the shortest turn of each: what others on the machine disturbed least. */
  bestScaling: z.number(),
  /** Seconds of a candidate that are not training steps: recording, compiling, validating. */
  besideSeconds: z.number(),
});

/** The same step on one thread and on several, in turn. Times are those of several. */
export const scalingRowSchema = z.object({
  suite: z.literal("scaling"),
  of: z.enum(["train", "infer"]),
  arch: z.string(),
  ...row,
  imagesPerSecond: z.number(),
  oneThreadImagesPerSecond: z.number(),
  /** The time of one thread ÷ that of all, the median over pairs of turns. */
  scaling: z.number(),
  /** The same of the shortest step of each: what others on the machine disturbed least. */
  bestScaling: z.number(),
});

/** One op of a step, all its uses together, or one pass of a layer. */
export const profileRowSchema = z.object({
  suite: z.literal("profile"),
  by: z.enum(["op", "layer"]),
  of: z.enum(["train", "infer"]),
  arch: z.string(),
  backend: z.string(),
  variant: z.string(),
  threads: z.int().positive(),
  batch: z.int().positive(),
  /** The op that multiplies, for all that runs as one with it; else all ops that run as one, joined by `+`. */
  op: z.string(),
  /** By layer: `forward`, which gradient of it, or `update`. */
  pass: z.string().nullable(),
  /** By layer: sizes without the batch, such as `3×3 24→24 at 32²`. */
  shape: z.string().nullable(),
  /** By layer: what the names of its state begin with. */
  layer: z.string().nullable(),
  kernels: z.array(z.string()),
  /** Of kernels. */
  calls: z.int().positive(),
  /** From barrier to barrier, shared by work where several steps run between two. */
  seconds: z.number(),
  /** Of the sum of all rows. */
  share: z.number(),
  /** What of that each thread worked. */
  busySeconds: z.array(z.number()).min(1),
  /** Part of all threads' time in which they waited for each other, or were not awake yet. */
  waiting: z.number(),
  ...rooflineFields,
});

/** A row's figures ÷ those of another generator for the same network, precision and target. */
const codegenRatiosSchema = z.object({
  instructions: z.number().nullable(),
  textBytes: z.number().nullable(),
  ramBytes: z.number().nullable(),
});

/** Generated code beside that of others: the same network, images, C library and emulator. */
export const codegenRowSchema = z.object({
  suite: z.literal("codegen"),
  model: z.string(),
  precision: z.string(),
  target: z.string(),
  /** `tvm-scheduled` has a 4×4 register-tiling schedule of ours. */
  generator: z.enum(["finch", "tvm", "tvm-scheduled", "tflm", "muriscv-nn"]),
  /** What the code shall be best at; other generators have `default` alone. */
  plan: z.string(),
  /** What made the objects; of TVM's own LLVM and its C by the same compiler, what takes fewest instructions. */
  build: z.string().nullable(),
  /** Published figures were taken by others, on another emulator. */
  origin: z.enum(["measured", "published"]),
  /** Where published figures stand. */
  source: z.string().nullable(),
  macs: z.int(),
  /** Executed instructions of one inference, from the emulator; null on this machine. They are not latency. */
  instructions: z.int().nullable(),
  instructionsPerMac: z.number().nullable(),
  textBytes: z.int().nullable(),
  /** Weights and tables. */
  rodataBytes: z.int().nullable(),
  /** Sum of the four below. */
  ramBytes: z.int().nullable(),
  /** Arena, or planned storage and workspaces. */
  arenaBytes: z.int().nullable(),
  inputBytes: z.int().nullable(),
  outputBytes: z.int().nullable(),
  /** Painted. */
  stackBytes: z.int().nullable(),
  /** Null where TVM did not run. */
  ofTvm: codegenRatiosSchema.nullable(),
  ofTvmScheduled: codegenRatiosSchema.nullable(),
});

/** From which batch on a kernel is faster on a GPU. */
export const crossoverRowSchema = z.object({
  suite: z.literal("crossover"),
  kernel: z.string(),
  pass: z.string(),
  variant: z.string(),
  /** The back end that it is compared with. */
  against: z.string(),
  /** Of each batch that was tried, by the median; kernels without a batch have one. */
  sizes: z.array(z.object({ batch: z.int(), seconds: z.number(), againstSeconds: z.number() })),
  /** The least batch from which on the GPU is faster at every batch tried; null: never here. */
  from: z.int().nullable(),
});

/** All launches of a training step on a GPU whose kernels are of one pattern, each waited for. */
export const patternRowSchema = z.object({
  suite: z.literal("patterns"),
  arch: z.string(),
  variant: z.string(),
  batch: z.int().positive(),
  pattern: z.enum(["map", "product", "sum", "copy"]),
  launches: z.int().positive(),
  /** Each launch's shortest of several steps, summed. */
  seconds: z.number(),
  /** Of all patterns. */
  share: z.number(),
  /** What the kernels read and write at least: each array once. */
  bytes: z.int(),
});

/** The most that the threads of the measurement do together. */
export const peakSchema = z.object({ threads: z.int(), gflops: z.number(), gigabytesPerSecond: z.number() });

export type CodegenRow = z.infer<typeof codegenRowSchema>;
export type CandidatesRow = z.infer<typeof candidatesRowSchema>;
export type PipelineRow = z.infer<typeof pipelineRowSchema>;
export type DeviceUse = z.infer<typeof deviceUseSchema>;
export type CrossoverRow = z.infer<typeof crossoverRowSchema>;
export type PatternRow = z.infer<typeof patternRowSchema>;
export type NetworkRow = z.infer<typeof networkRowSchema>;
export type LatencyRow = z.infer<typeof latencyRowSchema>;
export type ScalingRow = z.infer<typeof scalingRowSchema>;
export type ProfileRow = z.infer<typeof profileRowSchema>;
export type KernelRow = z.infer<typeof kernelRowSchema>;
