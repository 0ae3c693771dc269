import type { DataSet } from "../../engine/data/image-set.ts";
import { ConfigError } from "../../engine/errors.ts";
import { Model } from "../../engine/model.ts";
import { adamW } from "../../engine/train/optimizers.ts";
import { oneCycle } from "../../engine/train/schedules.ts";
import { Trainer } from "../../engine/train/trainer.ts";
import type { Json } from "../json.ts";
import type { Evaluator } from "../runner.ts";
import { createBackend, type BackendModule } from "./backend-module.ts";
import type { SharedDataSet } from "./shared-data-set.ts";

/** The short training by which candidates are compared. */
export interface ProxyTraining {
  /** Default 10. */
  readonly epochs?: number;
  /** Default 128. */
  readonly batchSize?: number;
  /** Highest learning rate of the one-cycle schedule. Default 1e-3. */
  readonly peak?: number;
  /** Default 1e-5. */
  readonly weightDecay?: number;
  /**
   * Epochs from one validation to the next, for learning curves. Default: the last epoch alone, whose accuracy is what
   * candidates are compared by.
   */
  readonly validateEvery?: number | undefined;
}

export interface TrainEvaluatorOptions extends ProxyTraining {
  readonly data: SharedDataSet;
  readonly backend: BackendModule;
}

/** What decides the accuracy of a candidate, with all defaults, to be frozen with a run. */
export function proxySettings({ epochs = 10, batchSize = 128, peak = 1e-3, weightDecay = 1e-5 }: ProxyTraining) {
  return { epochs, batchSize, peak, weightDecay };
}

/**
 * Trains a candidate by AdamW and one cycle, without augmentation, and reports its validation accuracy after the last
 * epoch. Evaluator modules of workers are loaded by this name.
 */
export async function createEvaluator(options: TrainEvaluatorOptions): Promise<Evaluator> {
  const { epochs, batchSize, peak, weightDecay } = proxySettings(options);
  const { validateEvery = epochs } = options;
  const backend = await createBackend(options.backend);
  const noTest: DataSet["test"] = () =>
    Promise.reject(new ConfigError("search: candidates are not evaluated on test images"));
  const data: DataSet = { ...options.data, test: noTest };
  return {
    async evaluate(architecture, { seed, signal, onEpoch }) {
      const started = performance.now();
      const trainer = new Trainer(Model.fromArchitecture(architecture, { seed }), {
        optimizer: adamW({ weightDecay }),
        schedule: oneCycle({ peak }),
        backend,
      });
      const fit = { epochs, batchSize, seed, validateEvery, signal };
      for await (const { epoch, validationAccuracy } of trainer.fit(data, fit))
        onEpoch?.({ epoch, validationAccuracy });
      signal?.throwIfAborted();
      const last = trainer.history.at(-1)!;
      return {
        validationAccuracy: last.validationAccuracy ?? NaN,
        loss: last.trainLoss,
        history: trainer.history.map((metrics): Json => ({ ...metrics })),
        seconds: (performance.now() - started) / 1000,
        backend: { name: backend.name, variant: backend.variant, profile: backend.profile.id },
      };
    },
    dispose: () => backend.dispose(),
  };
}
