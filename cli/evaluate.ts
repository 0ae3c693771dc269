import { Option } from "@commander-js/extra-typings";
import type { z } from "zod";
import type { Precision } from "../codegen/arithmetic.ts";
import { evaluateQuantized } from "../codegen/quantize/evaluate.ts";
import { floatGraph } from "../codegen/quantize/float-graph.ts";
import { measureSensitivity, type Sensitivity } from "../codegen/quantize/sensitivity.ts";
import { roundNetworkWeights } from "../codegen/quantize/weight-only.ts";
import type { Backend } from "../engine/backend.ts";
import type { ImageSet } from "../engine/data/image-set.ts";
import { ConfigError, DataError } from "../engine/errors.ts";
import { lowerModel } from "../engine/plan/lower.ts";
import { checkFits, type Evaluation } from "../engine/train/evaluate-model.ts";
import { pairedDrop } from "../engine/train/paired-drop.ts";
import { evaluateFloat } from "./evaluate-float.ts";
import { openBackend } from "./open-backend.ts";
import { imageSizeFor, openData } from "./open-data.ts";
import { expectClasses, openModel, type OpenedModel } from "./open-model.ts";
import {
  backendOption,
  batchOption,
  dataDirOption,
  dataOption,
  gpuModeOption,
  limitOption,
  precisionOption,
  threadsOption,
  validationOption,
  variantOption,
} from "./options.ts";
import { count, type Output, percent } from "./output.ts";
import {
  rangesOf,
  calibrationImagesOption,
  calibrationOption,
  keepFloatOption,
  quantizeModel,
  type QuantizeFlags,
  someImages,
} from "./quantize-model.ts";
import { runVerb } from "./run-verb.ts";
import type { evaluateSchema } from "./schemas.ts";
import { verb } from "./verb.ts";

export const command = () =>
  verb(
    "evaluate",
    "Measures accuracy, loss and confusion of a trained model.",
    "finch evaluate runs/first --data cifar10 --data-dir ~/data",
  )
    .argument("<model>", "checkpoint, run folder or imported network")
    .addOption(dataOption().default(undefined, "what it was trained on"))
    .addOption(dataDirOption())
    .addOption(
      new Option("--split <name>", "which images")
        .choices(["test", "validation", "train"] as const)
        .default("test" as const),
    )
    .addOption(limitOption())
    .addOption(validationOption())
    .addOption(precisionOption())
    .addOption(calibrationImagesOption())
    .addOption(calibrationOption())
    .addOption(keepFloatOption())
    .addOption(
      new Option(
        "--against <model>",
        "trained model to compare with in float32, image by image; default for other precisions: the same model",
      ),
    )
    .option("--sensitivity", "what each layer alone costs in int8, over 64 images")
    .addOption(batchOption())
    .addOption(backendOption())
    .addOption(gpuModeOption())
    .addOption(variantOption())
    .addOption(threadsOption())
    .action((path, options) =>
      runVerb(options, async ({ output }) => {
        const opened = await openModel(path);
        const { model, classes, checkpoint } = opened;
        const name = options.data ?? checkpoint?.data.name;
        if (name === undefined)
          throw new ConfigError(`${path} was not trained here: --data says which images to evaluate it on`);
        const data = await openData({ ...options, data: name, ...imageSizeFor(name, model.input) }, output);
        if (checkpoint !== undefined) expectClasses(data, opened);
        const set = options.split === "test" ? await data.test() : data[options.split];
        const backend = await openBackend(options, output);
        try {
          const { precision } = options;
          const result = await evaluate(opened, set, data.train, backend, options, output);
          const against = await compare(result, path, opened, set, backend, options);
          const sensitivity = options.sensitivity
            ? await sensitivityOf(opened, set, data.train, backend, options, output)
            : undefined;
          output.document({
            images: result.images,
            accuracy: result.accuracy,
            loss: result.loss,
            confusion: result.confusion.map((row) => [...row]),
            classes: [...classes],
            backend: backend.name,
            variant: backend.variant,
            precision,
            ...(against === undefined ? {} : { against }),
            ...(sensitivity === undefined ? {} : { sensitivity }),
          } satisfies z.input<typeof evaluateSchema>);
          output.table(
            result.confusion.map((row, label) => {
              const images = row.reduce((sum, value) => sum + value, 0);
              const mistaken = row
                .map((value, prediction) => ({ value, prediction }))
                .filter(({ value, prediction }) => prediction !== label && value > 0)
                .sort((a, b) => b.value - a.value)[0];
              return {
                class: classes[label] ?? `class ${label}`,
                images,
                right: images === 0 ? "–" : percent(row[label]! / images),
                "most often taken for": mistaken ? `${classes[mistaken.prediction]} (${mistaken.value})` : "–",
              };
            }),
          );
          if (sensitivity !== undefined) output.table(sensitivity.map(sensitivityTableRow));
          output.data(
            `accuracy ${percent(result.accuracy)}, loss ${result.loss.toFixed(4)}, ${count(result.images)} images`,
          );
          if (against !== undefined) output.data(comparisonLine(against));
        } finally {
          await backend.dispose();
        }
      }),
    );

interface EvaluateFlags extends QuantizeFlags {
  readonly against?: string | undefined;
  readonly precision: Precision;
  readonly batch: number;
}

async function evaluate(
  opened: OpenedModel,
  set: ImageSet,
  train: ImageSet,
  backend: Backend,
  flags: EvaluateFlags,
  output: Output,
): Promise<Evaluation> {
  const { model, values, normalization } = opened;
  if (flags.precision === "float32") return evaluateFloat(opened, set, backend, flags.batch);
  checkFits(model, set);
  const graph =
    flags.precision === "int8"
      ? await quantizeModel(opened, train, flags, output, backend)
      : floatGraph(roundNetworkWeights(lowerModel(model, values)));
  const progress = output.progress(set.count);
  try {
    return await evaluateQuantized(graph, set, {
      normalization,
      backend,
      onProgress: (images) => progress.update(images, `${count(images)} of ${count(set.count)} images`),
    });
  } finally {
    progress.stop();
  }
}

type Comparison = NonNullable<z.input<typeof evaluateSchema>["against"]>;

/** @throws DataError when the other model knows other classes */
async function compare(
  result: Evaluation,
  path: string,
  opened: OpenedModel,
  set: ImageSet,
  backend: Backend,
  { precision, against, batch }: EvaluateFlags,
): Promise<Comparison | undefined> {
  if (precision === "float32" && against === undefined) return undefined;
  const other = against === undefined ? opened : await openModel(against);
  if (other.classes.join() !== opened.classes.join())
    throw new DataError(
      `${against}: its classes are ${other.classes.join(", ")}; those of ${path} are ${opened.classes.join(", ")}`,
    );
  const { accuracy, predictions } = await evaluateFloat(other, set, backend, batch);
  return { model: against ?? path, accuracy, ...pairedDrop(set.labels, predictions, result.predictions) };
}

function comparisonLine({ model, accuracy, drop, interval }: Comparison): string {
  const points = `${(100 * drop).toFixed(2)} ± ${(100 * interval).toFixed(2)} points`;
  return `${model} in float32 ${percent(accuracy)}, a drop of ${points} (95 % interval, paired by image)`;
}

/** Images that each layer alone is measured with. */
const sensitivityImages = 64;

async function sensitivityOf(
  opened: OpenedModel,
  set: ImageSet,
  train: ImageSet,
  backend: Backend,
  flags: EvaluateFlags,
  output: Output,
): Promise<Sensitivity[]> {
  if (flags.precision !== "int8") throw new ConfigError("evaluate: --sensitivity goes with --precision int8");
  const ranged = await rangesOf(opened, train, flags, output, backend);
  return measureSensitivity(ranged, someImages(set, sensitivityImages, opened.normalization), backend);
}

function sensitivityTableRow({ name, op, error, changed }: Sensitivity): Record<string, string> {
  return { layer: name, op, "error of the outputs": percent(error), "other class": percent(changed) };
}
