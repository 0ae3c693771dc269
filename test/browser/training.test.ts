import { describe, expect, it } from "vitest";
import { decodeCheckpoint } from "../../engine/train/checkpoint.ts";
import { createWasmBackend } from "../../kernels/wasm/node/index.ts";
import { full, hasBrowser, suitePage } from "./browser.ts";
import { learning, learnt } from "./learning.ts";
import { epochs, stepsPerEpoch, trainShortly } from "./short-training.ts";
import type * as trainingPage from "./training-page.ts";

describe.skipIf(!hasBrowser)("training in a page", () => {
  const page = suitePage<typeof trainingPage>(new URL("training-page.ts", import.meta.url));

  it.each(["webgpu", "webgl2"] as const)(
    "%s: a lost device ends in an error and a checkpoint, from which both wasm and a new device go on",
    { timeout: 300_000 },
    async (mode) => {
      const wasm = await createWasmBackend({ threads: 1 });
      const { trainer: whole } = await trainShortly(wasm);
      const lastLoss = whole.history.at(-1)!.trainLoss;

      const lost = await page.call("train", mode, stepsPerEpoch + 1);
      expect(lost.error).toMatch(new RegExp(`^BackendError: gpu: the ${mode} (device|context) was lost`));
      expect(lost.wasSetBack).toBe(true);
      const checkpoint = await decodeCheckpoint(lost.checkpoint);
      expect(checkpoint).toMatchObject({ step: stepsPerEpoch, backend: "gpu", profile: `gpu-${mode}` });
      expect(checkpoint.history).toHaveLength(1);

      const { trainer: resumed, error } = await trainShortly(wasm, { resume: checkpoint });
      expect(error).toBeUndefined();
      expect(resumed.history).toHaveLength(epochs);
      expect(resumed.history.at(-1)!.trainLoss).toBeCloseTo(lastLoss, 3);

      const again = await page.call("train", mode, undefined, lost.checkpoint);
      expect(again).toMatchObject({ error: null, wasSetBack: false });
      expect(again.history).toHaveLength(epochs);
      expect(again.history.at(-1)!.trainLoss).toBeCloseTo(lastLoss, 3);
      await wasm.dispose();
    },
  );

  it.runIf(full)(
    `webgl2: recognises more than ${100 * learnt} % of synthetic images after ${learning.steps} steps`,
    { timeout: 3_600_000 },
    async () => {
      const { step, validationAccuracy } = await page.call("learnSynthetic", "webgl2");
      expect(step).toBe(learning.steps);
      expect(validationAccuracy).toBeGreaterThan(learnt);
    },
  );
});
