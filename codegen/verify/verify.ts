import { availableParallelism } from "node:os";
import { z } from "zod";
import { ConfigError } from "../../engine/errors.ts";
import { elements, type Cells, type ElementName } from "../element.ts";
import { targets } from "../target.ts";
import { compareOutputs } from "./agreement.ts";
import { checkRowSchema } from "./checks.ts";
import { sourceOf } from "./driver/glue.ts";
import { estimateSchema } from "./estimate.ts";
import { inParallel } from "./in-parallel.ts";
import { layerRowSchema } from "./layers.ts";
import { runOnnxruntime } from "./onnxruntime.ts";
import { compileProgram, type HostCompiler, releaseFlags, runProgram, withTemporaryFolder } from "./program.ts";
import { boundStack, callGraphFlags } from "./stack.ts";
import { riscvTargets, type VerifyTarget, verifyTargets } from "./targets.ts";
import { worstInputSchema } from "./worst.ts";
import { compileWithTvm, runBestBuild, tvmBuilds, type TvmModel, type TvmRun } from "./tvm.ts";

/** What generated code can be compared with. */
export const verifyReferences = ["engine", "onnxruntime", "tvm"] as const;

export type VerifyReference = (typeof verifyReferences)[number];

const verifyRowSchema = z.object({
  target: z.enum(verifyTargets),
  compiler: z.enum(["gcc", "clang"]),
  precision: z.string(),
  plan: z.string(),
  reference: z.enum(["engine", "onnxruntime", "tvm", "tvm-scheduled"]),
  images: z.int(),
  maxAbsError: z.number(),
  /** Distances of logits in units in the last place, counted in float32 numbers between the two; null for integers. */
  medianUlp: z.number().nullable(),
  percentile99Ulp: z.number().nullable(),
  maxUlp: z.number().nullable(),
  /** Largest absolute logit of the reference; the tolerance follows it. */
  largestLogit: z.number(),
  /** 0 … 1 */
  top1Agreement: z.number(),
  /** Executed instructions of one inference, the costliest of the images; null on this machine. */
  instructions: z.int().nullable(),
  instructionsPerMac: z.number().nullable(),
  /** Code of the generated objects alone, without C library and driver. */
  textBytes: z.int(),
  /** Weights and tables. */
  rodataBytes: z.int(),
  /** Arena + input + output + painted stack. */
  ramBytes: z.int(),
  /** Working memory and what else the C has of writable data. */
  arenaBytes: z.int(),
  inputBytes: z.int(),
  outputBytes: z.int(),
  /** Deepest changed byte of a painted stack. */
  stackBytes: z.int(),
  /** What it cannot exceed, by the compiler's call graph or the instructions; null where a frame is not known, and of clang on this machine. */
  stackBoundBytes: z.int().nullable(),
  /** The reference's own figures, by the same rules, where it ran on the same target; of TVM's builds the fastest. */
  referenceBuild: z.enum(tvmBuilds).nullable(),
  referenceInstructions: z.int().nullable(),
  referenceTextBytes: z.int().nullable(),
  referenceRodataBytes: z.int().nullable(),
  referenceRamBytes: z.int().nullable(),
  /** Planned storage and workspaces. */
  referenceArenaBytes: z.int().nullable(),
  referenceStackBytes: z.int().nullable(),
});

/** One comparison: generated C on one target with one reference. */
export type VerifyRow = z.infer<typeof verifyRowSchema>;

/** What `finch verify --json` prints. */
export const verifyReportSchema = z.object({
  rows: z.array(verifyRowSchema),
  /** With `--layers`: each target's layers for the first image. */
  layers: z.array(z.object({ target: z.enum(verifyTargets), rows: z.array(layerRowSchema) })).optional(),
  /** With `--worst`: of the C for this machine. */
  worst: worstInputSchema.optional(),
  /** With `--profile`. */
  profiles: z.array(estimateSchema).optional(),
  /** With `--checks`. */
  checks: z.array(checkRowSchema).optional(),
});

/** What `verify` reads of generated code. */
export interface VerifiableCode {
  /** One header and the C files. */
  readonly files: readonly { readonly name: string; readonly text: string }[];
  /** Beginning of all symbols. */
  readonly prefix: string;
  readonly precision: string;
  readonly plan: string;
  /** [height, width, channels] */
  readonly inputShape: readonly number[];
  /** Number of logits. */
  readonly outputSize: number;
  readonly inputElement: ElementName;
  readonly outputElement: ElementName;
  /** Multiply-accumulates of one inference. */
  readonly macs: number;
}

export interface VerifyRequest {
  /** The C for a target. */
  readonly generate: (target: VerifyTarget) => VerifiableCode;
  readonly targets: readonly VerifyTarget[];
  readonly against: readonly VerifyReference[];
  /** Each [height, width, channels], as the generated C takes them: normalised float32, or cells in int8. */
  readonly images: readonly Cells[];
  /** Only the first so many images on a target: soft float is slow. */
  readonly imageLimits?: Readonly<Partial<Record<VerifyTarget, number>>>;
  /** What the engine's reference back end gives, or the interpreter of integers, one array per image; for "engine". */
  readonly referenceOutputs?: readonly Cells[];
  /** The exported model; for "onnxruntime" and "tvm". */
  readonly onnx?: Uint8Array;
  /** Compilers used on this machine. Default both. */
  readonly hostCompilers?: readonly HostCompiler[];
  /** Compile for processors that trap on misaligned access. Default false. */
  readonly strictAlign?: boolean;
  /** Extra compiler flags for the model's C files. */
  readonly flags?: readonly string[];
  /** Programs compiled and run at a time. Default: as many as there are processors. */
  readonly jobs?: number;
  /** Limit of one run of all images; by default generous, from MACs and images. */
  readonly timeoutSeconds?: number;
  readonly onProgress?: (message: string) => void;
}

interface ReferenceRun {
  readonly reference: VerifyRow["reference"];
  readonly outputs: readonly Cells[];
  /** Null where the reference did not run on the target itself. */
  readonly run: TvmRun | null;
}

interface TargetReference extends ReferenceRun {
  readonly target: VerifyTarget;
}

interface OwnRun {
  readonly target: VerifyTarget;
  readonly compiler: HostCompiler;
  readonly precision: string;
  readonly plan: string;
  readonly outputs: readonly Cells[];
  readonly figures: Pick<
    VerifyRow,
    | "instructions"
    | "instructionsPerMac"
    | "textBytes"
    | "rodataBytes"
    | "ramBytes"
    | "arenaBytes"
    | "inputBytes"
    | "outputBytes"
    | "stackBytes"
    | "stackBoundBytes"
  >;
}

/** One program to be made and run: ours by one compiler, or TVM's. */
type Job =
  | { readonly kind: "own"; readonly target: VerifyTarget; readonly compiler: HostCompiler }
  | { readonly kind: "tvm"; readonly target: VerifyTarget; readonly model: TvmModel };

/**
 * Compiles and runs generated C on every target, feeding real images, and compares each output with each reference.
 * Disagreement is reported in the rows; `checkAgreement` turns it into an error.
 *
 * @throws ToolError when a compiler, an emulator or a reference is missing. Only "tvm" needs Python.
 */
export async function verify(request: VerifyRequest): Promise<VerifyRow[]> {
  checkRequest(request);
  const { targets, hostCompilers = ["gcc", "clang"], jobs: parallel = availableParallelism() } = request;
  const codes = new Map(targets.map((target) => [target, request.generate(target)]));
  const codeOf = (target: VerifyTarget) => codes.get(target) ?? request.generate(target);
  const fixed = await referencesOffTarget(request, codeOf(targets[0] ?? "host").inputShape);
  const models = await compileReferences(request);
  const jobs: Job[] = targets.flatMap((target) => [
    ...(target === "host"
      ? hostCompilers
      : [riscvTargets[target].vectorFlags === undefined ? ("gcc" as const) : ("clang" as const)]
    ).map((compiler) => ({
      kind: "own" as const,
      target,
      compiler,
    })),
    ...models.filter((model) => model.target === target).map((model) => ({ kind: "tvm" as const, target, model })),
  ]);
  const own: OwnRun[] = [];
  const onTarget: TargetReference[] = [];
  const results = await inParallel<Job, OwnRun | TargetReference>(jobs, parallel, (job) =>
    job.kind === "own"
      ? runGenerated(request, job.target, codeOf(job.target), job.compiler)
      : runReference(request, job.target, codeOf(job.target), job.model),
  );
  for (const result of results) {
    if ("figures" in result) own.push(result);
    else onTarget.push(result);
  }
  return own.flatMap(({ target, compiler, precision, plan, outputs, figures }) =>
    [...fixed, ...onTarget.filter((reference) => reference.target === target)].map(
      ({ reference, outputs: expected, run }): VerifyRow => ({
        target,
        compiler,
        precision,
        plan,
        reference,
        images: outputs.length,
        ...compareOutputs(outputs, expected.slice(0, outputs.length)),
        ...figures,
        referenceBuild: run?.build ?? null,
        referenceInstructions: run?.instructions ?? null,
        referenceTextBytes: run?.textBytes ?? null,
        referenceRodataBytes: run?.rodataBytes ?? null,
        referenceRamBytes: run?.ramBytes ?? null,
        referenceArenaBytes: run?.modelRamBytes ?? null,
        referenceStackBytes: run?.stackBytes ?? null,
      }),
    ),
  );
}

function checkRequest({ images, against, targets, referenceOutputs, onnx }: VerifyRequest): void {
  if (images.length === 0) throw new ConfigError("verify: no images, expected one at least");
  if (targets.length === 0) throw new ConfigError(`verify: no targets, expected some of ${verifyTargets.join(", ")}`);
  if (against.length === 0) {
    throw new ConfigError(`verify: nothing to compare with, expected some of ${verifyReferences.join(", ")}`);
  }
  if (against.includes("engine") && referenceOutputs?.length !== images.length) {
    throw new ConfigError(
      `verify: ${referenceOutputs?.length ?? 0} outputs of the engine for ${images.length} images, expected one each`,
    );
  }
  const foreign = against.some((reference) => reference !== "engine");
  if (foreign && !images.every((image) => image instanceof Float32Array))
    throw new ConfigError("verify: onnxruntime and tvm take the network in float32; compare integers with engine");
  if (foreign && onnx === undefined) {
    throw new ConfigError("verify: onnxruntime and tvm compare with an exported ONNX model, which was not given");
  }
}

async function referencesOffTarget(request: VerifyRequest, inputShape: readonly number[]): Promise<ReferenceRun[]> {
  const { against, images, referenceOutputs, onnx, onProgress } = request;
  const references: ReferenceRun[] = [];
  if (against.includes("engine") && referenceOutputs) {
    references.push({ reference: "engine", outputs: referenceOutputs, run: null });
  }
  if (against.includes("onnxruntime") && onnx) {
    onProgress?.("onnxruntime: running the exported model");
    references.push({
      reference: "onnxruntime",
      outputs: await runOnnxruntime(onnx, inputShape, floats(images)),
      run: null,
    });
  }
  return references;
}

function floats(images: readonly Cells[]): readonly Float32Array[] {
  return images as readonly Float32Array[];
}

async function compileReferences({ against, onnx, targets, onProgress }: VerifyRequest): Promise<TvmModel[]> {
  return against.includes("tvm") && onnx ? compileWithTvm(onnx, targets, onProgress ? { onProgress } : {}) : [];
}

async function runReference(
  request: VerifyRequest,
  target: VerifyTarget,
  code: VerifiableCode,
  model: TvmModel,
): Promise<TargetReference> {
  request.onProgress?.(`${target}: running TVM's code, ${model.schedule}`);
  const images = imagesFor(request, target);
  const timeoutSeconds = runLimit(request, target, code);
  const run = await runBestBuild(model, code.inputShape, floats(images), { timeoutSeconds });
  return { target, reference: model.schedule === "untuned" ? "tvm" : "tvm-scheduled", outputs: run.outputs, run };
}

function imagesFor({ images, imageLimits }: VerifyRequest, target: VerifyTarget): readonly Cells[] {
  return images.slice(0, imageLimits?.[target] ?? images.length);
}

async function runGenerated(
  request: VerifyRequest,
  target: VerifyTarget,
  code: VerifiableCode,
  compiler: HostCompiler,
): Promise<OwnRun> {
  const { onProgress } = request;
  const images = imagesFor(request, target);
  const source = sourceOf(code);
  return withTemporaryFolder(async (folder) => {
    onProgress?.(`${target}: compiling with ${compiler}`);
    const graphed = compiler === "gcc";
    const program = await compileProgram(source, folder, {
      target,
      compiler,
      flags: [...(request.flags ?? releaseFlags), ...(graphed ? callGraphFlags : [])],
      strictAlign: request.strictAlign ?? false,
    });
    onProgress?.(`${target}: running ${images.length} images`);
    const run = await runProgram(program, images, { timeoutSeconds: runLimit(request, target, code) });
    const inputBytes = source.inputLength * elements[code.inputElement].bytes;
    const outputBytes = source.outputLength * elements[code.outputElement].bytes;
    const { textBytes, rodataBytes, dataBytes, bssBytes } = program.size;
    const arenaBytes = run.modelRamBytes + dataBytes + bssBytes;
    return {
      target,
      compiler,
      precision: code.precision,
      plan: code.plan,
      outputs: run.outputs,
      figures: {
        instructions: run.instructions,
        instructionsPerMac: run.instructions === null ? null : run.instructions / code.macs,
        textBytes,
        rodataBytes: rodataBytes + dataBytes,
        ramBytes: arenaBytes + inputBytes + outputBytes + run.stackBytes,
        arenaBytes,
        inputBytes,
        outputBytes,
        stackBytes: run.stackBytes,
        stackBoundBytes: await boundStack(program, compiler, folder, code),
      },
    };
  });
}

/** Instructions per multiply-accumulate that no working code exceeds, and how many a slow machine emulates per second. */
const worstInstructionsPerMac = { float: 30, softFloat: 600 } as const;
const slowestEmulation = 20e6;

function runLimit(request: VerifyRequest, target: VerifyTarget, { macs }: VerifiableCode): number {
  if (request.timeoutSeconds !== undefined) return request.timeoutSeconds;
  const perMac = targets[target].softFloat ? worstInstructionsPerMac.softFloat : worstInstructionsPerMac.float;
  return Math.ceil(60 + (imagesFor(request, target).length * macs * perMac) / slowestEmulation);
}
