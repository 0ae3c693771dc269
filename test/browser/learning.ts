import { parseArchitecture } from "../../engine/architecture.ts";
import type { Backend } from "../../engine/backend.ts";
import { datasets } from "../../engine/data/datasets.ts";
import { Model } from "../../engine/model.ts";
import type { EpochMetrics } from "../../engine/train/metrics.ts";
import { sgd } from "../../engine/train/optimizers.ts";
import { oneCycle } from "../../engine/train/schedules.ts";
import { Trainer } from "../../engine/train/trainer.ts";

/** 214,336 multiply-adds: a training of it ends within minutes on an adapter in software too. */
export const learner = {
  name: "learner",
  blocks: [
    { type: "convBnRelu", channels: 12, kernel: 3, stride: 2 },
    { type: "pool", kind: "max", kernel: 3, stride: 2 },
    { type: "invertedBottleneck", channels: 16, kernel: 5, ratio: 2 },
    { type: "pool", kind: "max", kernel: 3, stride: 2 },
    { type: "invertedBottleneck", channels: 32, kernel: 3, ratio: 2 },
    { type: "globalAveragePool" },
    { type: "linear" },
  ],
};

/** On wasm 65, 66, 68 and 70 % of the images held back are recognised after it, by seeds 0 to 3. */
export const learning = { images: 32_000, validation: 1_000, batchSize: 64, learningRate: 0.5, steps: 500 };

/** Share of correct answers that a training on synthetic images must end above. */
export const learnt = 0.6;

/** One pass over the images; gives its metrics. */
export async function learn(backend: Backend): Promise<EpochMetrics> {
  const { images, validation, batchSize, learningRate } = learning;
  const data = await datasets.synthetic({ limit: images, validation });
  const model = Model.fromArchitecture(parseArchitecture(learner), { seed: 0 });
  const trainer = new Trainer(model, { backend, optimizer: sgd(), schedule: oneCycle({ peak: learningRate }) });
  for await (const epoch of trainer.fit(data, { epochs: 1, batchSize, seed: 0 })) void epoch;
  return trainer.history[0]!;
}
