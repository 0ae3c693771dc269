import { hashWeights } from "../codegen/model-hash.ts";
import type { Architecture } from "../engine/architecture.ts";
import type { DataSet } from "../engine/data/image-set.ts";
import { ConfigError } from "../engine/errors.ts";
import { Model } from "../engine/model.ts";
import { lowerModel } from "../engine/plan/lower.ts";
import { pruneChannels } from "../engine/train/prune.ts";
import { openArchitectureFor } from "./open-architecture.ts";
import { type DataFlags, imageSizeFor, openData } from "./open-data.ts";
import { expectClasses, openTrained } from "./open-model.ts";
import type { Output } from "./output.ts";
import { openForRounding } from "./quantize-model.ts";

export interface TrainingFlags extends Omit<DataFlags, "data"> {
  readonly data?: DataFlags["data"] | undefined;
  readonly arch: string;
  readonly seed: number;
  /** A trained model to go on with. */
  readonly from?: string | undefined;
  /** Share of its channels to leave out. */
  readonly prune?: number | undefined;
  /** A trained model to go on with, rounded as in int8. */
  readonly qat?: string | undefined;
}

/** What is trained, on what. */
interface Training {
  readonly data: DataSet;
  readonly architecture: Architecture;
  readonly model: Model;
  /** That tell where it began. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** @throws DataError, ConfigError */
export async function openTraining(flags: TrainingFlags, output: Output): Promise<Training> {
  const trained = flags.qat ?? flags.from;
  if (flags.prune !== undefined && flags.from === undefined)
    throw new ConfigError("train: --prune leaves out channels of a trained model: say which by --from");
  return trained === undefined ? newTraining(flags, output) : goOn(trained, flags, output);
}

async function newTraining(
  { arch, seed, data: name = "synthetic", ...flags }: TrainingFlags,
  output: Output,
): Promise<Training> {
  const data = await openData({ ...flags, data: name }, output);
  const architecture = await openArchitectureFor(arch, data);
  return { data, architecture, model: Model.fromArchitecture(architecture, { seed }), settings: {} };
}

/** Data are normalised as they were for the model. */
async function goOn(path: string, { qat, prune, seed, ...flags }: TrainingFlags, output: Output): Promise<Training> {
  const opened = await openTrained(path);
  const { model, state, values, normalization } = opened;
  const { data: name = opened.checkpoint.data.name } = flags;
  const images = await openData({ ...flags, data: name, ...imageSizeFor(name, opened.architecture.input) }, output);
  expectClasses(images, opened);
  const data = { ...images, normalization };
  if (qat !== undefined)
    return { data, architecture: opened.architecture, ...(await openForRounding(opened, data.train, output)) };
  const begun = prune === undefined ? opened : pruneChannels(opened.architecture, state, prune);
  return {
    data,
    architecture: begun.architecture,
    model: Model.fromArchitecture(begun.architecture, { seed, values: begun.state }),
    settings: { from: hashWeights(lowerModel(model, values)), ...(prune === undefined ? {} : { prune }) },
  };
}
