import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Backend } from "../../engine/backend.ts";
import type { Augmentation } from "../../engine/data/augment/augmentation.ts";
import { standardAugmentation } from "../../engine/data/augment/presets.ts";
import type { DataSet } from "../../engine/data/image-set.ts";
import { writeFileAtomically } from "../../engine/io-node/atomic-write.ts";
import { loadCheckpoint, runFiles } from "../../engine/io-node/checkpoint-file.ts";
import { trainIntoFolder } from "../../engine/io-node/training-run.ts";
import { Model } from "../../engine/model.ts";
import { deployedParameters, lowerModel } from "../../engine/plan/lower.ts";
import { networkMacs } from "../../engine/plan/macs.ts";
import type { Checkpoint } from "../../engine/train/checkpoint.ts";
import { evaluateCheckpoint } from "../../engine/train/evaluate-checkpoint.ts";
import { adamW } from "../../engine/train/optimizers.ts";
import { oneCycle } from "../../engine/train/schedules.ts";
import { Trainer } from "../../engine/train/trainer.ts";
import type { WeightAverageOptions } from "../../engine/train/weight-average.ts";
import { hashJson } from "../hash.ts";
import type { Json } from "../json.ts";
import type { Retrainer, RetrainRequest } from "../search-run.ts";

export interface TrainRetrainerOptions {
  /** Folder of the run. */
  readonly run: string;
  readonly data: DataSet;
  readonly backend: Backend;
  /** Default: crop and flip. */
  readonly augment?: readonly Augmentation[];
  /** Default 128. */
  readonly batchSize?: number;
  /** Highest learning rate of the one-cycle schedule. Default 1e-3. */
  readonly peak?: number;
  /** Default 1e-5. */
  readonly weightDecay?: number;
  /** Keep a moving average of the weights, which is then what is compared and kept; none by default. */
  readonly ema?: WeightAverageOptions | undefined;
  /** Whether the winners are measured on the test images. Default false. */
  readonly test?: boolean;
  /** Train the results on, one after the other, at a tenth of the learning rate; none by default. */
  readonly tunings?: readonly Tuning[];
}

/** A further training of what the one before gave. */
export interface Tuning {
  /** Tells it from others, in names of folders. */
  readonly name: string;
  readonly epochs: number;
  /** What is trained on: a model that begins with the values of a checkpoint, or with a part of them. */
  readonly begin: (checkpoint: Checkpoint) => Promise<Model>;
}

/**
 * Trains winners from scratch into folders of their own below `RUN/models`, from where an interrupted training goes
 * on, and keeps the best epoch by validation accuracy. With `tunings` that is trained on, each into another such folder.
 */
export function trainRetrainer(options: TrainRetrainerOptions): Retrainer {
  const {
    run,
    data,
    backend,
    augment = standardAugmentation,
    batchSize = 128,
    peak = 1e-3,
    weightDecay = 1e-5,
    ema,
    test = false,
    tunings = [],
  } = options;
  const training = {
    data: data.fingerprint,
    profile: backend.profile.id,
    augment: augment.map(({ name, settings }) => ({ name, ...settings }) as Json),
    batchSize,
    peak,
    weightDecay,
    ...(ema === undefined ? {} : { ema: ema.decay }),
  };
  /** Trains a model into its folder, in full. @throws the signal's reason */
  const train = async (
    model: Model,
    { out, rate, before = 0 }: { readonly out: string; readonly rate: number; readonly before?: number },
    { epochs, seed, signal, onEpoch }: RetrainRequest,
  ): Promise<Retrained> => {
    const trainer = new Trainer(model, {
      optimizer: adamW({ weightDecay }),
      schedule: oneCycle({ peak: rate }),
      ema,
      backend,
    });
    const report = onEpoch && {
      onEpoch: ({ epoch, validationAccuracy }: { epoch: number; validationAccuracy: number | null }) =>
        onEpoch({ epoch: before + epoch, validationAccuracy: validationAccuracy ?? NaN }),
    };
    const { complete, history, checkpoint } = await trainIntoFolder(trainer, data, {
      out,
      epochs,
      batchSize,
      seed,
      augment,
      signal,
      callbacks: report ? [report] : [],
    });
    if (!complete) throw signal!.reason;
    const validationAccuracy = Math.max(...history.map((epoch) => epoch.validationAccuracy ?? 0));
    return { model, checkpoint, validationAccuracy };
  };
  return {
    settings: {
      ...training,
      test,
      ...(tunings.length === 0 ? {} : { tunings: tunings.map(({ name, epochs }) => ({ name, epochs })) }),
    },
    async retrain({ id, architecture }, request) {
      const { epochs, seed } = request;
      let out = join(run, "models", `${id}-${hashJson({ ...training, epochs, seed }).slice(0, 8)}`);
      let trained = await train(Model.fromArchitecture(architecture, { seed }), { out, rate: peak }, request);
      let before = epochs;
      for (const tuning of tunings) {
        out += `-${tuning.name}-${tuning.epochs}`;
        const model = await tuning.begin(await loadCheckpoint(trained.checkpoint));
        trained = await train(model, { out, rate: peak / 10, before }, { ...request, epochs: tuning.epochs });
        before += tuning.epochs;
      }
      const { model, checkpoint, validationAccuracy } = trained;
      const measured = test
        ? await evaluateCheckpoint(model, await loadCheckpoint(checkpoint), await data.test(), backend)
        : undefined;
      const testAccuracy = measured?.accuracy ?? null;
      return { checkpoint: relative(run, checkpoint), validationAccuracy, testAccuracy };
    },
    async costs({ checkpoint }) {
      const { architecture } = await loadCheckpoint(join(run, checkpoint));
      const network = lowerModel(Model.fromArchitecture(architecture));
      return { parameters: deployedParameters(network), macs: networkMacs(network) };
    },
    async promote({ checkpoint }) {
      await writeFileAtomically(join(run, "models", runFiles.best), await readFile(join(run, checkpoint)));
    },
  };
}

interface Retrained {
  readonly model: Model;
  readonly checkpoint: string;
  readonly validationAccuracy: number;
}
