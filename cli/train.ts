import { Option } from "@commander-js/extra-typings";
import type { z } from "zod";
import { augmentations } from "../engine/data/augment/presets.ts";
import { trainingBatchCount } from "../engine/data/batches.ts";
import { BackendError } from "../engine/errors.ts";
import { loadCheckpoint } from "../engine/io-node/checkpoint-file.ts";
import { recordedProfile, trainIntoFolder } from "../engine/io-node/training-run.ts";
import { Model } from "../engine/model.ts";
import { deployedParameters, lowerModel } from "../engine/plan/lower.ts";
import { networkMacs } from "../engine/plan/macs.ts";
import { evaluateCheckpoint } from "../engine/train/evaluate-checkpoint.ts";
import type { EpochMetrics } from "../engine/train/metrics.ts";
import { adamW, sgd } from "../engine/train/optimizers.ts";
import { constantRate, cosine, oneCycle } from "../engine/train/schedules.ts";
import { Trainer, type TrainerOptions } from "../engine/train/trainer.ts";
import { openBackend } from "./open-backend.ts";
import { openTraining } from "./open-training.ts";
import {
  allowDifferentBitsOption,
  archOption,
  backendOption,
  batchOption,
  dataDirOption,
  dataOption,
  emaOption,
  epochsOption,
  fractionBelowOne,
  freshOption,
  gpuModeOption,
  imageSizeOption,
  limitOption,
  maxActivationMemoryOption,
  nonNegativeNumber,
  outOption,
  positiveInteger,
  positiveNumber,
  seedOption,
  threadsOption,
  validationOption,
  variantOption,
} from "./options.ts";
import { count, duration, percent } from "./output.ts";
import { newRunFolder } from "./run-folder.ts";
import { runVerb } from "./run-verb.ts";
import type { trainSchema } from "./schemas.ts";
import { verb } from "./verb.ts";

const augmentationNames = Object.keys(augmentations) as (keyof typeof augmentations)[];

export const command = () =>
  verb(
    "train",
    "Trains an architecture and keeps its best state. The same command again goes on where it stopped.",
    "finch train --arch ref-hybrid --data cifar10 --data-dir ~/data --epochs 20 --augment standard --out runs/first",
  )
    .addOption(archOption().default("ref-hybrid").conflicts(["from", "qat"]))
    .addOption(new Option("--from <model>", "trains a trained model on: a checkpoint or run folder"))
    .addOption(
      new Option("--prune <fraction>", "with --from: leaves out this share of the channels of each block").argParser(
        fractionBelowOne,
      ),
    )
    .addOption(
      new Option("--qat <model>", "as --from, with weights and values rounded as in int8").conflicts(["from", "prune"]),
    )
    .addOption(dataOption().default(undefined, "synthetic; for a trained model what that was trained on"))
    .addOption(dataDirOption())
    .addOption(imageSizeOption())
    .addOption(limitOption())
    .addOption(validationOption())
    .addOption(new Option("--test", "measure the result on the test images too"))
    .addOption(epochsOption().default(undefined, "10; with --qat 3"))
    .addOption(batchOption())
    .addOption(
      new Option("--optimizer <name>", "what moves the weights")
        .choices(["adamw", "sgd"] as const)
        .default("adamw" as const),
    )
    .addOption(
      new Option("--schedule <name>", "learning rate over time")
        .choices(["one-cycle", "cosine", "constant"] as const)
        .default("one-cycle" as const),
    )
    .addOption(
      new Option(
        "--lr <rate>",
        "largest learning rate; default 0.001, with sgd 0.1; for a trained model a tenth",
      ).argParser(positiveNumber),
    )
    .addOption(
      new Option("--weight-decay <number>", "of convolution and linear weights")
        .argParser(nonNegativeNumber)
        .default(1e-5),
    )
    .addOption(new Option("--clip <norm>", "largest norm of the gradient").argParser(positiveNumber))
    .addOption(emaOption())
    .addOption(new Option("--smoothing <number>", "label smoothing").argParser(nonNegativeNumber).default(0))
    .addOption(
      new Option("--augment <name>", "random changes of the images")
        .choices(augmentationNames)
        .default("none" as const),
    )
    .addOption(
      new Option("--patience <epochs>", "stop when validation has not risen for so long").argParser(positiveInteger),
    )
    .addOption(backendOption())
    .addOption(gpuModeOption())
    .addOption(variantOption())
    .addOption(threadsOption())
    .addOption(maxActivationMemoryOption())
    .addOption(seedOption())
    .addOption(outOption())
    .addOption(freshOption())
    .addOption(allowDifferentBitsOption())
    .action((options) =>
      runVerb(
        options,
        async ({ output, signal }) => {
          const { epochs = options.qat === undefined ? 10 : 3 } = options;
          const { data, architecture, model, settings } = await openTraining(options, output);
          const network = lowerModel(Model.fromArchitecture(architecture));
          const [parameters, macs] = [deployedParameters(network), networkMacs(network)];
          const recorded = options.out === undefined || options.fresh ? undefined : await recordedProfile(options.out);
          const backend = await openBackend({ ...options, training: true }, output, recorded);
          try {
            const out = options.out ?? newRunFolder(`train-${architecture.name}`);
            output.message(
              `${architecture.name}: ${count(parameters)} parameters, ${count(macs)} MACs; ` +
                `${data.name}: ${count(data.train.count)} training and ${count(data.validation.count)} validation images; ` +
                `${backend.name} ${backend.variant}, threads: ${backend.threads}`,
            );
            const trainer = new Trainer(model, { ...trainerOptions(options), backend, settings });
            const progress = output.progress(epochs * trainingBatchCount(data.train, options.batch));
            const run = await trainIntoFolder(trainer, data, {
              out,
              epochs,
              batchSize: options.batch,
              seed: options.seed,
              augment: augmentations[options.augment],
              earlyStop: options.patience === undefined ? undefined : { patience: options.patience },
              fresh: options.fresh ?? false,
              allowDifferentBits: options.allowDifferentBits ?? false,
              command: ["finch", ...process.argv.slice(2)],
              signal,
              callbacks: [
                {
                  onStep: ({ step, epoch, loss, imagesPerSecond }) =>
                    progress.update(
                      step,
                      `epoch ${epoch}, loss ${loss.toFixed(3)}, ${count(imagesPerSecond)} images/s`,
                    ),
                  onEpoch: (metrics) => {
                    if (!process.stderr.isTTY) output.message(describeEpoch(metrics));
                  },
                },
              ],
            })
              .catch((error: unknown) => {
                if (!(error instanceof BackendError) || !trainer.wasSetBack) throw error;
                throw new BackendError(`${error.message}: the same command with --out ${out} does`, { cause: error });
              })
              .finally(() => progress.stop());

            const checkpoint = await loadCheckpoint(run.checkpoint);
            const measured = checkpoint.history.at(-1);
            const test =
              options.test && run.complete
                ? await evaluateCheckpoint(model, checkpoint, await data.test(), backend)
                : undefined;
            const testAccuracy = test?.accuracy ?? null;
            const { seconds, imagesPerSecond } = speedOf(run.history);
            output.document({
              backend: backend.name,
              variant: backend.variant,
              profile: backend.profile.id,
              threads: backend.threads,
              arch: architecture.name,
              rounding: options.qat === undefined ? null : "int8",
              parameters,
              trainableParameters: model.trainableParameters,
              macs,
              epochs: run.history.length,
              imagesPerSecond,
              activationBytes: trainer.activationBytes ?? null,
              trainLoss: run.history.at(-1)?.trainLoss ?? null,
              validationAccuracy: measured?.validationAccuracy ?? null,
              testAccuracy,
              history: [...run.history],
              checkpoint: run.checkpoint,
              resumed: run.resumed,
              complete: run.complete,
            } satisfies z.input<typeof trainSchema>);
            output.table(run.history.map(tableRow));
            if (!run.complete) {
              output.message(`interrupted; the same command with --out ${out} goes on`);
              return;
            }
            const accuracies = [
              `validation ${percent(measured?.validationAccuracy)}`,
              ...(testAccuracy === null ? [] : [`test ${percent(testAccuracy)}`]),
            ].join(", ");
            output.data(`${accuracies}; ${duration(seconds)} at ${count(imagesPerSecond)} images/s; ${run.checkpoint}`);
            const precision = options.qat === undefined ? "" : " --precision int8";
            output.message(`next: finch codegen ${out} --target host${precision} --out generated`);
          } finally {
            await backend.dispose();
          }
        },
        { resumable: true },
      ),
    );

interface TrainerFlags {
  readonly optimizer: "adamw" | "sgd";
  readonly schedule: "one-cycle" | "cosine" | "constant";
  readonly lr?: number | undefined;
  readonly weightDecay: number;
  readonly smoothing: number;
  readonly clip?: number | undefined;
  readonly ema?: number | undefined;
  readonly from?: string | undefined;
  readonly qat?: string | undefined;
}

function trainerOptions(flags: TrainerFlags): Omit<TrainerOptions, "backend" | "settings"> {
  const { optimizer, schedule, lr, weightDecay, smoothing, clip, ema, from, qat } = flags;
  const peak = lr ?? (optimizer === "sgd" ? 0.1 : 1e-3) / ((qat ?? from) === undefined ? 1 : 10);
  const schedules = { "one-cycle": oneCycle({ peak }), cosine: cosine({ peak }), constant: constantRate(peak) };
  return {
    optimizer: optimizer === "sgd" ? sgd({ weightDecay }) : adamW({ weightDecay }),
    schedule: schedules[schedule],
    smoothing,
    clipNorm: clip,
    ema: ema === undefined ? undefined : { decay: ema },
  };
}

/** Time of the training part of all epochs, and its mean speed. */
function speedOf(history: readonly EpochMetrics[]): { readonly seconds: number; readonly imagesPerSecond: number } {
  const seconds = history.reduce((sum, epoch) => sum + epoch.seconds, 0);
  const images = history.reduce((sum, epoch) => sum + epoch.imagesPerSecond * epoch.seconds, 0);
  return { seconds, imagesPerSecond: seconds > 0 ? images / seconds : 0 };
}

function describeEpoch(metrics: EpochMetrics): string {
  return Object.entries(tableRow(metrics))
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
}

function tableRow(metrics: EpochMetrics): Record<string, string | number> {
  return {
    epoch: metrics.epoch,
    "train loss": metrics.trainLoss.toFixed(4),
    "train accuracy": percent(metrics.trainAccuracy),
    "validation accuracy": percent(metrics.validationAccuracy),
    "images/s": count(metrics.imagesPerSecond),
  };
}
