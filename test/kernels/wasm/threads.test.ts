import { afterAll, expect, it } from "vitest";
import { refHybrid } from "../../../engine/architecture.ts";
import type { Backend } from "../../../engine/backend.ts";
import { Model } from "../../../engine/model.ts";
import { randomNormal } from "../../../engine/random.ts";
import { adamW } from "../../../engine/train/optimizers.ts";
import { trainingStep } from "../../../engine/train/training-step.ts";
import { createWasmBackend } from "../../../kernels/wasm/node/index.ts";

const pools = await Promise.all([1, 2, 3].map((threads) => createWasmBackend({ threads })));
const inline = await createWasmBackend({ inline: true });
const narrow = await createWasmBackend({ inline: true, variant: "narrow" });
afterAll(() => Promise.all([...pools, inline, narrow].map((backend) => backend.dispose())));

it("training gives the same bits on any number of threads and any tiles of one profile", async () => {
  const train = async (backend: Backend): Promise<Float32Array[]> => {
    const model = Model.fromArchitecture(refHybrid);
    const program = await backend.compile(trainingStep(model, { batchSize: 5, optimizer: adamW(), clipNorm: 1 }));
    const images = Float32Array.from({ length: 5 * 3072 }, (_, index) => randomNormal(1, index));
    for (let step = 1; step <= 3; step++)
      await program.run({
        images,
        labels: Float32Array.of(1, 2, 3, 4, 5),
        learningRate: Float32Array.of(1e-3),
        step: Float32Array.of(step),
      });
    const values = await Promise.all(program.slotNames.map((name) => program.readSlot(name)));
    await program.dispose();
    return values;
  };
  const [first, ...others] = await Promise.all([...pools, inline, narrow].map(train));
  for (const other of others) expect(other).toEqual(first);
});
