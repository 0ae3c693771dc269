import { z } from "zod";
import { precisions } from "../codegen/arithmetic.ts";
import { plans } from "../codegen/schedule.ts";
import { tunedSchema } from "../codegen/verify/tune.ts";

/** The documents that `--json` prints. Fractions are 0 … 1, bytes are bytes. */

const fraction = z.number().min(0).max(1);
const wholeNumber = z.int().min(0);

const epochSchema = z.object({
  epoch: z.int().positive(),
  step: z.int().positive(),
  learningRate: z.number(),
  trainLoss: z.number(),
  trainAccuracy: fraction,
  validationLoss: z.number().nullable(),
  validationAccuracy: fraction.nullable(),
  seconds: z.number(),
  imagesPerSecond: z.number(),
});

export const trainSchema = z.object({
  backend: z.string(),
  variant: z.string(),
  profile: z.string(),
  threads: z.int().positive(),
  arch: z.string(),
  /** With `--qat` the rounding that accuracies are measured with. */
  rounding: z.literal("int8").nullable(),
  /** After batch-norm folding. */
  parameters: wholeNumber,
  trainableParameters: wholeNumber,
  macs: wholeNumber,
  epochs: wholeNumber,
  /** Of the whole training, input pipeline included. */
  imagesPerSecond: z.number(),
  /** Intermediate values of one step; null when no step was left to do. */
  activationBytes: wholeNumber.nullable(),
  /** Of the last epoch. */
  trainLoss: z.number().nullable(),
  /** Of the checkpoint. */
  validationAccuracy: fraction.nullable(),
  /** Of the checkpoint; null without `--test`. */
  testAccuracy: fraction.nullable(),
  history: z.array(epochSchema),
  checkpoint: z.string(),
  resumed: z.boolean(),
  /** False when it was interrupted. */
  complete: z.boolean(),
});

export const evaluateSchema = z.object({
  images: wholeNumber,
  accuracy: fraction,
  loss: z.number(),
  /** confusion[label][prediction] */
  confusion: z.array(z.array(wholeNumber)),
  classes: z.array(z.string()),
  backend: z.string(),
  variant: z.string(),
  precision: z.enum(precisions),
  /**
   * The float32 network that the accuracy is compared with, image by image: that of --against, else the same model for
   * a precision other than float32. `drop` and its 95 % interval, `drop` ± `interval`, are fractions.
   */
  against: z.object({ model: z.string(), accuracy: fraction, drop: z.number(), interval: z.number() }).optional(),
  /** With --sensitivity: what the outputs lose when one layer alone is in integers, most sensitive first. */
  sensitivity: z.array(z.object({ name: z.string(), op: z.string(), error: z.number(), changed: fraction })).optional(),
});

export const predictSchema = z.object({
  images: z.array(
    z.object({
      file: z.string(),
      class: z.string(),
      probability: fraction,
      /** By class name. */
      probabilities: z.record(z.string(), fraction),
    }),
  ),
});

export const importSchema = z.object({
  file: z.string(),
  bytes: wholeNumber,
  /** As the ONNX file says. */
  producer: z.string(),
  opset: wholeNumber,
  /** Axes of the ONNX model's input; in the network channels come last. */
  layout: z.enum(["NCHW", "NHWC"]),
  input: z.tuple([wholeNumber, wholeNumber, wholeNumber]),
  classes: wholeNumber,
  parameters: wholeNumber,
  macs: wholeNumber,
  layers: wholeNumber,
  /** Layers that move cells from one order to another: none in the usual networks. */
  transposes: wholeNumber,
  /** Values whose ranges the file states by Q/DQ pairs. */
  ranges: wholeNumber,
});

export const exportSchema = z.object({ file: z.string(), bytes: wholeNumber });

export const codegenSchema = z.object({
  files: z.array(z.string()),
  precision: z.enum(precisions),
  target: z.string(),
  plan: z.enum(plans),
  /** Working memory; input and output not included. */
  arenaBytes: wholeNumber,
  arenaLowerBoundBytes: wholeNumber,
  weightBytes: wholeNumber,
  macs: wholeNumber,
  /** The layer that sets the peak. */
  peakLayer: z.string().nullable(),
  /** With `--explain`: the network as it was recorded and after each pass, a line for each layer. */
  passes: z.array(z.object({ name: z.string(), layers: z.array(z.string()) })).optional(),
  /** With `--tune`. */
  tuning: tunedSchema.optional(),
  /** With `--package`. */
  package: z
    .object({
      name: z.string(),
      folder: z.string(),
      datasheet: z.string(),
      /** Weights, code and tables; null where no compiler is. */
      flashBytes: wholeNumber.nullable(),
      /** Arena, input, output, data and the worst-case stack; null where no compiler is. */
      ramBytes: wholeNumber.nullable(),
      /** What the data sheet lacks, and why. */
      skipped: z.array(z.object({ what: z.string(), why: z.string() })),
    })
    .nullable(),
});

export const drawSchema = z.object({
  file: z.string(),
  macs: wholeNumber,
  parameters: wholeNumber,
  arenaBytes: wholeNumber,
  /** The layer that sets the peak. */
  peakLayer: z.string().nullable(),
  /** Of one inference; null unless counted. */
  instructions: z.object({ target: z.string(), tool: z.string(), total: wholeNumber }).nullable(),
  /** In order of execution. */
  layers: z.array(
    z.object({
      name: z.string(),
      op: z.string(),
      label: z.string(),
      details: z.array(z.string()),
      /** Shape without the batch axis. */
      output: z.array(wholeNumber),
      macs: wholeNumber,
      parameters: wholeNumber,
      /** Bytes of the arena in use while it runs. */
      liveBytes: wholeNumber,
      instructions: wholeNumber.nullable(),
    }),
  ),
  /** Layers first … first + length − 1 stand there `count` times; the figure shows them once. */
  repeats: z.array(z.object({ first: wholeNumber, length: wholeNumber, count: wholeNumber })),
});

const settingSchema = z.object({
  verb: z.string(),
  /** As a file names it. */
  key: z.string(),
  /** Null when the verb decides. */
  value: z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]).nullable(),
  origin: z.enum(["default", "file", "environment"]),
  /** The part of the file, or the variable; null for a default. */
  from: z.string().nullable(),
});

export const configSchema = z.object({ file: z.string().nullable(), settings: z.array(settingSchema) });

export const errorSchema = z.object({
  error: z.object({ name: z.string(), message: z.string(), exitCode: z.int() }),
});
