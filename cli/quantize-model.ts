import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { carriedRanges, withCarriedRanges } from "../codegen/quantize/aware/extents.ts";
import { quantizationAwareModel } from "../codegen/quantize/aware/model.ts";
import { calibrate } from "../codegen/quantize/calibrate.ts";
import { hashWeights } from "../codegen/model-hash.ts";
import type { QuantizedGraph } from "../codegen/quantize/graph.ts";
import type { RangeMethod } from "../codegen/quantize/histogram.ts";
import { quantizeNetwork } from "../codegen/quantize/quantize.ts";
import type { Ranged } from "../codegen/quantize/ranges.ts";
import type { Backend } from "../engine/backend.ts";
import { ConfigError } from "../engine/errors.ts";
import { lookedUp } from "../engine/byte-lookup.ts";
import type { ImageSet, Normalization } from "../engine/data/image-set.ts";
import { normalizationTable } from "../engine/data/normalization.ts";
import { imageAt } from "../engine/data/select.ts";
import type { Model } from "../engine/model.ts";
import { lowerModel } from "../engine/plan/lower.ts";
import { createWasmBackend } from "../kernels/wasm/node/index.ts";
import type { OpenedModel, TrainedModel } from "./open-model.ts";
import { positiveInteger } from "./options.ts";
import { count, type Output } from "./output.ts";

/** Flags of verbs that make integers of a network. */
export interface QuantizeFlags {
  readonly calibrationImages: number;
  readonly calibration: RangeMethod;
  readonly keepFloat?: string[] | undefined;
}

/** What a training with rounding begins with. */
interface RoundedTraining {
  readonly model: Model;
  /** That tell one beginning from another. */
  readonly settings: Readonly<Record<string, unknown>>;
}

const defaultImages = 256;
const defaultMethod = "min-max";

export const calibrationImagesOption = () =>
  new Option("--calibration-images <count>", "training images that show the range of each tensor, for int8")
    .argParser(positiveInteger)
    .default(defaultImages);
export const calibrationOption = () =>
  new Option("--calibration <method>", "how int8 ranges are chosen from these, for a model trained without --qat")
    .choices(["min-max", "percentile", "mean-square"] as const)
    .default(defaultMethod);
export const keepFloatOption = () =>
  new Option("--keep-float <layers>", "names of layers that int8 leaves in float32, as in `a,b`").argParser(
    (text: string): string[] => {
      const names = text.split(",").map((name) => name.trim());
      if (names.includes("")) throw new InvalidArgumentError("Expected names of layers.");
      return names;
    },
  );

/** Data whose images show the ranges of a model. @throws ConfigError for an imported network where none are named */
export function calibrationData({ name, architecture, checkpoint }: OpenedModel, named: string | undefined): string {
  const data = named ?? checkpoint?.data.name;
  if (data !== undefined) return data;
  if (architecture === undefined)
    throw new ConfigError(
      `int8: ${name} was imported without its data, and ranges of its tensors come from images like those it was trained on: name them by --data`,
    );
  return "synthetic";
}

/** Training images, or how to open them: a model that was trained with ranges needs none. */
type Images = ImageSet | (() => Promise<ImageSet>);

/**
 * Gives every tensor the range that the model was trained with or quantised elsewhere, else one by calibration: the same
 * model, images and flags give the same ranges. @throws ConfigError
 */
export async function rangesOf(
  { model, state, values, normalization }: OpenedModel,
  set: Images,
  { calibrationImages, calibration }: QuantizeFlags,
  output: Output,
  backend?: Backend,
): Promise<Ranged> {
  const network = lowerModel(model, values);
  const carried = carriedRanges(network, state);
  if (carried !== undefined) {
    output.detail("int8: ranges as the model carries them");
    return carried;
  }
  const images = someImages(typeof set === "function" ? await set() : set, calibrationImages, normalization);
  output.detail(`int8: ranges by ${calibration} over ${count(images.length)} training images`);
  const opened = backend ?? (await createWasmBackend({ threads: 1, inline: true }));
  try {
    return withCarriedRanges(await calibrate(network, images, { backend: opened, method: calibration }), state);
  } finally {
    if (opened !== backend) await opened.dispose();
  }
}

/** The model in integers, calibrated with images of `set` unless it was trained with ranges. @throws ConfigError */
export async function quantizeModel(
  opened: OpenedModel,
  set: Images,
  flags: QuantizeFlags,
  output: Output,
  backend?: Backend,
): Promise<QuantizedGraph> {
  const { keepFloat = [] } = flags;
  return quantizeNetwork(await rangesOf(opened, set, flags, output, backend), { keepFloat });
}

/** At most `wanted` normalised images, spread evenly over a set. */
export function someImages(set: ImageSet, wanted: number, normalization: Normalization): Float32Array[] {
  const table = normalizationTable(normalization);
  const taken = Math.min(wanted, set.count);
  return Array.from({ length: taken }, (_, place) =>
    lookedUp(imageAt(set, Math.floor((place * set.count) / taken)), table),
  );
}

/** A trained model to be trained on with the rounding of its integers, ranges by calibration to begin with. */
export async function openForRounding(opened: TrainedModel, set: ImageSet, output: Output): Promise<RoundedTraining> {
  const ranged = await rangesOf(opened, set, { calibrationImages: defaultImages, calibration: defaultMethod }, output);
  return {
    model: quantizationAwareModel(opened.architecture, opened.state, ranged),
    settings: { roundedFrom: hashWeights(ranged.network) },
  };
}
