import { type CodegenOptions, generate } from "../codegen/generate.ts";
import type { Cells } from "../codegen/element.ts";
import type { QuantizedGraph } from "../codegen/quantize/graph.ts";
import { inputOfBytes, inputOfImage } from "../codegen/quantize/inputs.ts";
import { createInterpreter, interpretAll } from "../codegen/quantize/interpreter/interpret.ts";
import { checkCode, type CheckRow } from "../codegen/verify/checks.ts";
import { distance, type LayerRequest, type LayerRow, verifyLayers } from "../codegen/verify/layers.ts";
import type { Plan } from "../codegen/schedule.ts";
import { floatTolerance } from "../codegen/tolerance.ts";
import type { Tuning } from "../codegen/tune/choices.ts";
import type { VerifyTarget } from "../codegen/verify/targets.ts";
import { verifyNetwork } from "../codegen/verify/verify-network.ts";
import type { VerifyReference, VerifyRow } from "../codegen/verify/verify.ts";
import { type Estimate, estimateInference, modelledTargets } from "../codegen/verify/estimate.ts";
import { findWorstInput, type WorstInput } from "../codegen/verify/worst.ts";
import { lookedUp } from "../engine/byte-lookup.ts";
import type { ImageSet } from "../engine/data/image-set.ts";
import { normalizationTable } from "../engine/data/normalization.ts";
import { imageAt } from "../engine/data/select.ts";
import { ConfigError } from "../engine/errors.ts";
import type { InferenceGraph, ValueId } from "../engine/plan/inference.ts";
import { evaluationGraph } from "../engine/plan/lower.ts";
import { inferenceToGraph } from "../engine/plan/record-inference.ts";
import { writeState } from "../engine/train/evaluate-model.ts";
import { createReferenceBackend } from "../kernels/reference/index.ts";
import { networkOf, type Numbers, precisionOf } from "./deployed-network.ts";
import type { OpenedModel } from "./open-model.ts";
import { planOf } from "./plan-options.ts";

export interface VerifyModelOptions extends Numbers {
  readonly targets: readonly VerifyTarget[];
  readonly against: readonly VerifyReference[];
  /** Images to feed: the first of this set. */
  readonly set: ImageSet;
  readonly images: number;
  readonly plan?: Plan;
  readonly ram?: number;
  /** How kernels are written, by target. */
  readonly tunings?: ReadonlyMap<VerifyTarget, Tuning>;
  readonly onProgress?: (message: string) => void;
}

/** Compares the C of a model with references, on images of a set. @throws ToolError, ConfigError */
export async function verifyModel(opened: OpenedModel, options: VerifyModelOptions): Promise<VerifyRow[]> {
  const { targets, against, set, images: count, onProgress } = options;
  const images = imagesOf(opened, set, count);
  return verifyNetwork({
    network: networkOf(opened, options),
    precision: precisionOf(options),
    backend: createReferenceBackend(),
    ...planOf(options),
    ...(options.tunings && { tunings: options.tunings }),
    targets,
    against,
    images,
    referenceOutputs:
      against.includes("engine") && !options.quantized ? await engineOutputs(opened, images, options) : [],
    ...(onProgress ? { onProgress } : {}),
  });
}

function generationOf(
  options: Omit<VerifyModelOptions, "against" | "images" | "targets">,
  target: VerifyTarget,
): CodegenOptions {
  const tuning = options.tunings?.get(target);
  return { ...planOf(options), target, precision: precisionOf(options), ...(tuning && { tuning }) };
}

/** The first images of a set, as the model takes them. */
function imagesOf({ model, normalization }: OpenedModel, set: ImageSet, count: number): Float32Array[] {
  const [height, width, channels] = model.input;
  const size = height * width * channels;
  if (count > set.count) throw new ConfigError(`verify: ${count} images were asked for, the data have ${set.count}`);
  if (set.images.length !== set.count * size)
    throw new ConfigError(
      `verify: the images are ${set.height}×${set.width}×${set.channels}, the model takes ${height}×${width}×${channels}`,
    );
  const table = normalizationTable(normalization);
  return Array.from({ length: count }, (_, index) => lookedUp(imageAt(set, index), table));
}

/**
 * Each layer of the C of a model, for one image of a set, beside the same layer on the reference back end in float64 or
 * in the interpreter of integers.
 */
export async function verifyModelLayers(opened: OpenedModel, options: Omit<VerifyModelOptions, "against" | "images">) {
  const [image] = imagesOf(opened, options.set, 1);
  const network = networkOf(opened, options);
  const { quantized } = options;
  const { input, ...compared } =
    quantized === undefined ? await besideEngine(network.graph, image!) : await besideInterpreter(quantized, image!);
  const reports: { target: VerifyTarget; rows: LayerRow[] }[] = [];
  for (const target of options.targets) {
    options.onProgress?.(`${target}: layer by layer`);
    const code = generate(network, { ...generationOf(options, target), observed: true });
    const rows = await verifyLayers({ code, target, image: input, ...compared });
    reports.push({ target, rows });
  }
  return reports;
}

/** Instructions of the C of a model by class, and cycles of a modelled processor, for one image of a set. */
export async function profileModel(
  opened: OpenedModel,
  options: Omit<VerifyModelOptions, "against" | "images">,
): Promise<Estimate[]> {
  const [floats] = imagesOf(opened, options.set, 1);
  const network = networkOf(opened, options);
  const image = options.quantized ? inputOfImage(options.quantized)(floats!) : floats!;
  const targets = modelledTargets.filter((target) => options.targets.includes(target));
  if (targets.length === 0)
    throw new ConfigError(`verify: --profile knows ${modelledTargets.join(" and ")}: name one by --targets`);
  const estimates: Estimate[] = [];
  for (const target of targets) {
    options.onProgress?.(`${target}: instructions by class`);
    const generation = generationOf(options, target);
    const code = generate(network, generation);
    const observed = generate(network, { ...generation, observed: true });
    estimates.push(await estimateInference({ target, code, observed, image }));
  }
  return estimates;
}

/**
 * Looks for the image with the largest error of the C for this machine, beside the network in float64 or the
 * interpreter of integers; images of the set are where it begins.
 */
export async function findWorstImage(
  opened: OpenedModel,
  options: Omit<VerifyModelOptions, "against" | "targets"> & { readonly evaluations: number; readonly seed: number },
): Promise<WorstInput> {
  const { set, images: count, evaluations, seed, quantized } = options;
  imagesOf(opened, set, count);
  const network = networkOf(opened, options);
  const code = generate(network, generationOf(options, "host"));
  const interpreter = quantized && (await createInterpreter(quantized, { backend: createReferenceBackend() }));
  try {
    return await findWorstInput({
      ...{ code, evaluations, seed },
      starts: Array.from({ length: count }, (_, index) => imageAt(set, index).slice()),
      inputOf: inputOfBytes(opened.normalization, quantized),
      reference: (inputs) =>
        interpreter === undefined
          ? engineOutputs(opened, inputs as readonly Float32Array[], { ...options, arithmetic: "float64" })
          : interpretAll(interpreter, inputs),
    });
  } finally {
    await interpreter?.dispose();
  }
}

/** Properties of the C of a model that no output shows. */
export async function checkModel(
  opened: OpenedModel,
  options: Omit<VerifyModelOptions, "against">,
): Promise<CheckRow[]> {
  const floats = imagesOf(opened, options.set, options.images);
  const network = networkOf(opened, options);
  const images = options.quantized ? floats.map(inputOfImage(options.quantized)) : floats;
  const rows: CheckRow[] = [];
  for (const target of options.targets) {
    const code = generate(network, generationOf(options, target));
    const { onProgress } = options;
    rows.push(...(await checkCode({ code, target, images, ...(onProgress ? { onProgress } : {}) })));
  }
  return rows;
}

/** What the layers are compared with, and the image as the C takes it. */
interface Beside extends Pick<LayerRequest, "expected" | "tolerance"> {
  readonly input: Cells;
}

async function besideEngine(graph: InferenceGraph, input: Float32Array): Promise<Beside> {
  const exact = await layersOfEngine(graph, input, "float64");
  const rounded = await layersOfEngine(graph, input, "float32");
  return {
    input,
    expected: ({ value }) => exact.get(value)!,
    // Where the network magnifies the rounding of float32, plain loops lie off too.
    tolerance: ({ value }, largest) =>
      Math.max(floatTolerance(largest), 8 * distance(rounded.get(value)!, exact.get(value)!).maxAbsError),
  };
}

async function besideInterpreter(graph: QuantizedGraph, image: Float32Array): Promise<Beside> {
  const input = inputOfImage(graph)(image);
  const interpreter = await createInterpreter(graph, { backend: createReferenceBackend() });
  await interpreter.run(input);
  return { input, expected: ({ value }) => interpreter.cells(value) };
}

async function layersOfEngine(
  graph: InferenceGraph,
  image: Float32Array,
  precision: "float32" | "float64",
): Promise<Map<ValueId, Float32Array>> {
  const values = graph.layers.map(({ output }) => output);
  const backend = createReferenceBackend({ precision });
  const program = await backend.compile(inferenceToGraph(graph, { observed: values }));
  try {
    await program.run({ images: image });
    const cells = new Map<ValueId, Float32Array>();
    for (const value of values) cells.set(value, await program.read(graph.values[value]!.name));
    return cells;
  } finally {
    await program.dispose();
  }
}

/**
 * Logits on the reference back end: of the model as it was trained, nothing folded; with weights in int8 of the network
 * that is deployed, its weights rounded.
 */
export async function engineOutputs(
  opened: OpenedModel,
  images: readonly Float32Array[],
  { arithmetic = "float32", ...numbers }: Numbers & { readonly arithmetic?: "float32" | "float64" } = {},
): Promise<Float32Array[]> {
  const { model, state } = opened;
  const rounded = precisionOf(numbers) === "int8-weights";
  const graph = rounded ? inferenceToGraph(networkOf(opened, numbers).graph) : evaluationGraph(model);
  const program = await createReferenceBackend({ precision: arithmetic }).compile(graph);
  try {
    if (!rounded) await writeState(program, state);
    const outputs: Float32Array[] = [];
    for (const image of images) {
      await program.run({ images: image });
      outputs.push(await program.read("logits"));
    }
    return outputs;
  } finally {
    await program.dispose();
  }
}
