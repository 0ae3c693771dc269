import { describe, expect, it } from "vitest";
import type { Backend } from "../../../engine/backend.ts";
import { strongAugmentation } from "../../../engine/data/augment/presets.ts";
import { Model } from "../../../engine/model.ts";
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from "../../../engine/train/checkpoint.ts";
import { Trainer } from "../../../engine/train/trainer.ts";
import { createWasmBackend, type WasmOptions } from "../../../kernels/wasm/node/index.ts";
import { tinyArchitecture, tinyData } from "../../engine/train/tiny.ts";

/** Trains two epochs of five steps, or up to and including step `stop`, and gives what lands on the disk. */
async function train(options: WasmOptions, stop = Infinity, resume?: Uint8Array): Promise<Uint8Array> {
  const backend: Backend = await createWasmBackend(options);
  const controller = new AbortController();
  const trainer = new Trainer(Model.fromArchitecture(tinyArchitecture, { seed: 7 }), {
    backend,
    clipNorm: 5,
    smoothing: 0.05,
    ema: { decay: 0.9 },
  });
  const epochs = trainer.fit(tinyData, {
    ...{ epochs: 2, batchSize: 16, seed: 1, augment: strongAugmentation, signal: controller.signal },
    resume: resume && (await decodeCheckpoint(resume)),
    callbacks: [{ onStep: ({ step }) => (step === stop ? controller.abort() : undefined) }],
  });
  for await (const epoch of epochs) void epoch;
  await backend.dispose();
  return encodeCheckpoint(await trainer.checkpoint());
}

function withoutTimes({ slots, history, step }: Checkpoint): unknown {
  return { slots, step, history: history.map(({ seconds: _, imagesPerSecond: __, ...metrics }) => metrics) };
}

describe.each(["wide", "narrow", "plain"] as const)("a training on %s kernels", (variant) => {
  it.each([
    { stop: 5, place: "after an epoch" },
    { stop: 7, place: "within an epoch" },
  ])("begun on one thread, saved $place and resumed on two or three has the bits of two threads", async ({ stop }) => {
    const whole = withoutTimes(await decodeCheckpoint(await train({ variant, threads: 2 })));
    const saved = await train({ variant, inline: true }, stop);
    expect((await decodeCheckpoint(saved)).step).toBe(stop);
    for (const threads of [2, 3]) {
      const resumed = await decodeCheckpoint(await train({ variant, threads }, Infinity, saved));
      expect(resumed.variant).toMatch(/^simd128/);
      expect(withoutTimes(resumed)).toEqual(whole);
    }
  });
});
