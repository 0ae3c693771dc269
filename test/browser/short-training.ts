import { parseArchitecture } from "../../engine/architecture.ts";
import type { Backend } from "../../engine/backend.ts";
import { datasets } from "../../engine/data/datasets.ts";
import { Model } from "../../engine/model.ts";
import type { Checkpoint } from "../../engine/train/checkpoint.ts";
import { Trainer, type Callback } from "../../engine/train/trainer.ts";

const architecture = parseArchitecture({
  name: "short",
  blocks: [
    { type: "convBnRelu", channels: 6, kernel: 3, stride: 4 },
    { type: "pool", kind: "mix", kernel: 3, stride: 2 },
    { type: "globalAveragePool" },
    { type: "linear" },
  ],
});

/** Steps of an epoch, and epochs. */
export const [stepsPerEpoch, epochs] = [3, 3];

interface Options {
  readonly onStep?: Callback["onStep"];
  readonly resume?: Checkpoint;
}

/** Trains a small network on a few synthetic images; gives the trainer and what ended it early, if anything did. */
export async function trainShortly(
  backend: Backend,
  { onStep, resume }: Options = {},
): Promise<{ readonly trainer: Trainer; readonly error: Error | undefined }> {
  const data = await datasets.synthetic({ limit: 16 * stepsPerEpoch, validation: 16, test: 16 });
  const trainer = new Trainer(Model.fromArchitecture(architecture, { seed: 1 }), { backend });
  const callbacks = onStep === undefined ? [] : [{ onStep }];
  const options = { epochs, batchSize: 16, seed: 2, callbacks, resume, allowDifferentBits: true };
  try {
    for await (const epoch of trainer.fit(data, options)) void epoch;
    return { trainer, error: undefined };
  } catch (error) {
    return { trainer, error: error as Error };
  }
}
