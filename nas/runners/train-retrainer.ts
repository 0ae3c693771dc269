import { mkdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Backend } from "../../engine/backend.ts";
import type { Augmentation } from "../../engine/data/augment/augmentation.ts";
import { standardAugmentation } from "../../engine/data/augment/presets.ts";
import type { DataSet } from "../../engine/data/image-set.ts";
import { writeFileAtomically } from "../../engine/io-node/atomic-write.ts";
import { loadCheckpoint, runFiles } from "../../engine/io-node/checkpoint-file.ts";
import { trainIntoFolder } from "../../engine/io-node/training-run.ts";
import { Model } from "../../engine/model.ts";
import { restoreModel } from "../../engine/train/checkpoint.ts";
import { evaluateModel } from "../../engine/train/evaluate-model.ts";
import { adamW } from "../../engine/train/optimizers.ts";
import { oneCycle } from "../../engine/train/schedules.ts";
import { Trainer } from "../../engine/train/trainer.ts";
import type { WeightAverageOptions } from "../../engine/train/weight-average.ts";
import { hashJson } from "../hash.ts";
import type { Json } from "../json.ts";
import type { Retrainer } from "../search-run.ts";

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
}

/**
 * Trains winners from scratch into folders of their own below `RUN/models`, from where an interrupted training goes
 * on, and keeps the best epoch by validation accuracy.
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
  return {
    settings: { ...training, test },
    async retrain({ id, architecture }, { epochs, seed, signal, onEpoch }) {
      const out = join(run, "models", `${id}-${hashJson({ ...training, epochs, seed }).slice(0, 8)}`);
      await mkdir(out, { recursive: true });
      const trainer = new Trainer(Model.fromArchitecture(architecture, { seed }), {
        optimizer: adamW({ weightDecay }),
        schedule: oneCycle({ peak }),
        ema,
        backend,
      });
      const report = onEpoch && {
        onEpoch: ({ epoch, validationAccuracy }: { epoch: number; validationAccuracy: number | null }) =>
          onEpoch({ epoch, validationAccuracy: validationAccuracy ?? NaN }),
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
      const testAccuracy = test ? await measure(checkpoint, data, backend) : null;
      return { checkpoint: relative(run, checkpoint), validationAccuracy, testAccuracy };
    },
    async promote({ checkpoint }) {
      await writeFileAtomically(join(run, "models", runFiles.best), await readFile(join(run, checkpoint)));
    },
  };
}

async function measure(path: string, data: DataSet, backend: Backend): Promise<number> {
  const { model, state } = restoreModel(await loadCheckpoint(path));
  const { normalization } = data;
  return (await evaluateModel(model, state, await data.test(), { backend, normalization })).accuracy;
}
