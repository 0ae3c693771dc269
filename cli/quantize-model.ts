import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { calibrate } from "../codegen/quantize/calibrate.ts";
import type { QuantizedGraph } from "../codegen/quantize/graph.ts";
import type { RangeMethod } from "../codegen/quantize/histogram.ts";
import { quantizeNetwork } from "../codegen/quantize/quantize.ts";
import type { Ranged } from "../codegen/quantize/ranges.ts";
import type { Backend } from "../engine/backend.ts";
import { lookUpBytes } from "../engine/byte-lookup.ts";
import type { ImageSet, Normalization } from "../engine/data/image-set.ts";
import { normalizationTable } from "../engine/data/normalization.ts";
import { lowerModel } from "../engine/plan/lower.ts";
import { createWasmBackend } from "../kernels/wasm/node/index.ts";
import type { OpenedModel } from "./open-model.ts";
import { positiveInteger } from "./options.ts";
import { count, type Output } from "./output.ts";

/** Flags of verbs that make integers of a network. */
export interface QuantizeFlags {
  readonly calibrationImages: number;
  readonly calibration: RangeMethod;
  readonly keepFloat?: string[] | undefined;
}

export const calibrationImagesOption = () =>
  new Option("--calibration-images <count>", "training images that show the range of each tensor, for int8")
    .argParser(positiveInteger)
    .default(256);
export const calibrationOption = () =>
  new Option("--calibration <method>", "how int8 ranges are chosen from these")
    .choices(["min-max", "percentile", "mean-square"] as const)
    .default("min-max" as const);
export const keepFloatOption = () =>
  new Option("--keep-float <layers>", "names of layers that int8 leaves in float32, as in `a,b`").argParser(
    (text: string): string[] => {
      const names = text.split(",").map((name) => name.trim());
      if (names.includes("")) throw new InvalidArgumentError("Expected names of layers.");
      return names;
    },
  );

/** Gives every tensor its range. The same model, images and flags give the same ranges. @throws ConfigError */
export async function calibrateModel(
  { model, values, normalization }: OpenedModel,
  set: ImageSet,
  { calibrationImages, calibration }: QuantizeFlags,
  output: Output,
  backend?: Backend,
): Promise<Ranged> {
  const images = someImages(set, calibrationImages, normalization);
  output.detail(`int8: ranges by ${calibration} over ${count(images.length)} training images`);
  const opened = backend ?? (await createWasmBackend({ threads: 1, inline: true }));
  try {
    return await calibrate(lowerModel(model, values), images, { backend: opened, method: calibration });
  } finally {
    if (opened !== backend) await opened.dispose();
  }
}

/** The model in integers, calibrated with images of `set`. @throws ConfigError */
export async function quantizeModel(
  opened: OpenedModel,
  set: ImageSet,
  flags: QuantizeFlags,
  output: Output,
  backend?: Backend,
): Promise<QuantizedGraph> {
  const { keepFloat = [] } = flags;
  return quantizeNetwork(await calibrateModel(opened, set, flags, output, backend), { keepFloat });
}

/** At most `wanted` normalised images, spread evenly over a set. */
export function someImages(set: ImageSet, wanted: number, normalization: Normalization): Float32Array[] {
  const size = set.height * set.width * set.channels;
  const table = normalizationTable(normalization);
  const taken = Math.min(wanted, set.count);
  return Array.from({ length: taken }, (_, place) => {
    const index = Math.floor((place * set.count) / taken);
    const image = new Float32Array(size);
    lookUpBytes(image, set.images.subarray(index * size, (index + 1) * size), table);
    return image;
  });
}
