import { describe, expect, test } from "vitest";
import { flip } from "../../../engine/data/augment/flip.ts";
import { Model } from "../../../engine/model.ts";
import { decodeCheckpoint, encodeCheckpoint, restoreModel, type Checkpoint } from "../../../engine/train/checkpoint.ts";
import { evaluateModel } from "../../../engine/train/evaluate-model.ts";
import { predict } from "../../../engine/train/predict.ts";
import { sgd } from "../../../engine/train/optimizers.ts";
import { constantRate, oneCycle } from "../../../engine/train/schedules.ts";
import { Trainer, type FitOptions, type StepInfo, type TrainerOptions } from "../../../engine/train/trainer.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { tinyArchitecture, tinyData } from "./tiny.ts";

const backend = createReferenceBackend();
const fitOptions = { epochs: 4, batchSize: 16, seed: 1, augment: [flip()] };

function newTrainer(options: TrainerOptions = {}): Trainer {
  const model = Model.fromArchitecture(tinyArchitecture, { seed: 7 });
  return new Trainer(model, { backend, schedule: oneCycle({ peak: 0.02 }), clipNorm: 5, smoothing: 0.05, ...options });
}

async function fitAll(trainer: Trainer, options: Partial<FitOptions> = {}): Promise<Trainer> {
  for await (const epoch of trainer.fit(tinyData, { ...fitOptions, ...options })) void epoch;
  return trainer;
}

describe("a trainer", () => {
  test("learns, reports every epoch, and its checkpoint evaluates to the same accuracy", async () => {
    const trainer = await fitAll(newTrainer(), { epochs: 10 });
    expect(trainer.history).toHaveLength(10);
    const last = trainer.history.at(-1)!;
    expect(last.trainLoss).toBeLessThan(trainer.history[0]!.trainLoss);
    expect(last.validationAccuracy).toBeGreaterThan(0.8);
    const checkpoint = await decodeCheckpoint(await encodeCheckpoint(await trainer.checkpoint()));
    const { model, state } = restoreModel(checkpoint);
    const { normalization } = checkpoint;
    const evaluation = await evaluateModel(model, state, tinyData.validation, { backend, normalization });
    expect(evaluation.accuracy).toBe(last.validationAccuracy);
    expect(evaluation.confusion.flat().reduce((sum, count) => sum + count)).toBe(20);
  });

  test.each([1, 7, 10, 13])("stopped after step %i and resumed ends with the same bits", async (stop) => {
    const whole = await (await fitAll(newTrainer())).checkpoint();
    const controller = new AbortController();
    const first = await fitAll(newTrainer(), {
      signal: controller.signal,
      callbacks: [{ onStep: ({ step }) => (step === stop ? controller.abort() : undefined) }],
    });
    const checkpoint = await decodeCheckpoint(await encodeCheckpoint(await first.checkpoint()));
    expect(checkpoint.step).toBe(stop);
    const resumed = await (await fitAll(newTrainer(), { resume: checkpoint })).checkpoint();
    expect(resumed.slots).toEqual(whole.slots);
    const withoutTimes = (history: typeof whole.history): unknown =>
      history.map(({ seconds: _, imagesPerSecond: __, ...metrics }) => metrics);
    expect(withoutTimes(resumed.history)).toEqual(withoutTimes(whole.history));
  });

  test.each([5, 8])("killed after saving at step %i goes on with the same bits and misses no epoch", async (step) => {
    const whole = newTrainer();
    let saved: Checkpoint | undefined;
    const onStep = async (info: StepInfo): Promise<void> => {
      if (info.step === step) saved = await whole.checkpoint();
    };
    await fitAll(whole, { callbacks: [{ onStep }] });
    const resumed = await fitAll(newTrainer(), { resume: saved });
    expect((await resumed.checkpoint()).slots).toEqual((await whole.checkpoint()).slots);
    const losses = (trainer: Trainer): unknown => trainer.history.map(({ epoch, trainLoss }) => [epoch, trainLoss]);
    expect(losses(resumed)).toEqual(losses(whole));
  });

  test("keeps a moving average of the weights, and validates and ships that", async () => {
    const decay = 0.4;
    const trainer = newTrainer({ ema: { decay } });
    const averages = new Map(trainer.model.parameters.map((slot) => [slot.name, slot.initial()]));
    const onStep = async ({ step }: StepInfo): Promise<void> => {
      const { slots } = await trainer.checkpoint();
      // The warm-up is over when (1 + step) / (10 + step) exceeds the decay: after the fifth step.
      const kept = [2 / 11, 3 / 12, 4 / 13, 5 / 14, 6 / 15][step - 1] ?? decay;
      for (const [name, average] of averages)
        average.forEach((value, i) => (average[i] = value + (1 - kept) * (slots.get(name)![i]! - value)));
    };
    await fitAll(trainer, { callbacks: [{ onStep }] });
    const checkpoint = await trainer.checkpoint();
    const { model, state, values } = restoreModel(checkpoint);
    for (const slot of model.parameters) {
      expect(checkpoint.slots.get(`${slot.name}.ema`)).toEqual(averages.get(slot.name));
      expect(values(slot)).toEqual(averages.get(slot.name));
      expect(values(slot)).not.toEqual(checkpoint.slots.get(slot.name));
      expect((await trainer.state()).get(slot.name)).toEqual(averages.get(slot.name));
    }
    for (const slot of model.slots.filter(({ kind }) => kind === "buffer"))
      expect(values(slot)).toEqual(checkpoint.slots.get(slot.name));
    const { normalization } = checkpoint;
    const { batchSize } = fitOptions;
    const evaluation = await evaluateModel(model, state, tinyData.validation, { backend, normalization, batchSize });
    expect(evaluation.loss).toBe(trainer.history.at(-1)!.validationLoss);
  });

  test("an average changes nothing of the training itself, and resumes with the same bits", async () => {
    const ema = { decay: 0.9 };
    const without = await (await fitAll(newTrainer())).checkpoint();
    const whole = await (await fitAll(newTrainer({ ema }))).checkpoint();
    for (const [name, values] of without.slots) expect(whole.slots.get(name)).toEqual(values);
    const controller = new AbortController();
    const stop = { onStep: ({ step }: StepInfo) => (step === 7 ? controller.abort() : undefined) };
    const first = await fitAll(newTrainer({ ema }), { signal: controller.signal, callbacks: [stop] });
    const resume = await decodeCheckpoint(await encodeCheckpoint(await first.checkpoint()));
    expect((await (await fitAll(newTrainer({ ema }), { resume })).checkpoint()).slots).toEqual(whole.slots);
  });

  test("goes on from checkpoints older than moving averages, but not with another decay", async () => {
    const { settings, ...rest } = await (await fitAll(newTrainer(), { epochs: 1 })).checkpoint();
    const { ema, ...older } = settings;
    expect(ema).toBeNull();
    await fitAll(newTrainer(), { epochs: 1, resume: { settings: older, ...rest } });
    await expect(
      fitAll(newTrainer({ ema: { decay: 0.9 } }), { epochs: 1, resume: { settings, ...rest } }),
    ).rejects.toThrow('resume: ema was null and is now {"decay":0.9}');
    await expect(fitAll(newTrainer({ ema: { decay: 1 } }))).rejects.toThrow(
      "ema: decay must be at least 0 and below 1",
    );
  });

  test("refuses to resume with other settings, data or numerics", async () => {
    const resume = await (await fitAll(newTrainer(), { epochs: 1 })).checkpoint();
    await expect(fitAll(newTrainer(), { epochs: 1, resume, seed: 2 })).rejects.toThrow(
      "resume: seed was 1 and is now 2",
    );
    await expect(fitAll(newTrainer({ smoothing: 0 }), { epochs: 1, resume })).rejects.toThrow("smoothing was 0.05");
    await expect(fitAll(newTrainer(), { epochs: 1, resume: { ...resume, profile: "other" } })).rejects.toThrow(
      "trained with numerics other",
    );
  });

  test("stops early when validation accuracy no longer rises", async () => {
    const trainer = newTrainer({ schedule: constantRate(0), optimizer: sgd() });
    await fitAll(trainer, { epochs: 9, earlyStop: { patience: 2 } });
    expect(trainer.history.length).toBeLessThan(9);
  });

  test("validates every so many epochs and after the last, which changes nothing else", async () => {
    const often = await fitAll(newTrainer(), { epochs: 5 });
    const seldom = await fitAll(newTrainer(), { epochs: 5, validateEvery: 2 });
    const measured = (trainer: Trainer): (number | null)[] => trainer.history.map((epoch) => epoch.validationAccuracy);
    const all = measured(often);
    expect(measured(seldom)).toEqual([null, all[1], null, all[3], all[4]]);
    expect(await seldom.state()).toEqual(await often.state());
  });

  test("stops early only where it has validated", async () => {
    const trainer = newTrainer({ schedule: constantRate(0), optimizer: sgd() });
    await fitAll(trainer, { epochs: 20, validateEvery: 3, earlyStop: { patience: 2 } });
    expect(trainer.history.length).toBeLessThan(20);
    expect(trainer.history.length % 3).toBe(0);
  });

  test("says so when the loss is no longer a number", async () => {
    const trainer = newTrainer({ schedule: constantRate(1e30), optimizer: sgd(), clipNorm: undefined });
    await expect(fitAll(trainer)).rejects.toThrow(/train: the loss is (NaN|Infinity) at step \d+ of epoch 1/);
  });
});

test("predict gives each image the probabilities that it has alone, however many there are", async () => {
  const model = Model.fromArchitecture(tinyArchitecture, { seed: 7 });
  const state = new Map(model.slots.map((slot) => [slot.name, slot.initial()]));
  const { train, normalization } = tinyData;
  const images = Array.from({ length: 70 }, (_, index) => train.images.slice(index * 128, (index + 1) * 128));
  const together = await predict(model, state, images, { backend, normalization });
  expect(together).toHaveLength(70);
  for (const index of [0, 63, 64, 69])
    expect(await predict(model, state, [images[index]!], { backend, normalization })).toEqual([together[index]]);
  expect(new Set(together.map((probabilities) => probabilities.join())).size).toBeGreaterThan(60);
  expect(await predict(model, state, [], { backend, normalization })).toEqual([]);
  await expect(predict(model, state, [new Uint8Array(5)], { backend, normalization })).rejects.toThrow(
    "predict: an image has 5 bytes, expected 8×8×2",
  );
});
