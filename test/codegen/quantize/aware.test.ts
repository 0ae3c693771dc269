import { afterAll, describe, expect, it, test } from "vitest";
import { carriedRanges } from "../../../codegen/quantize/aware/extents.ts";
import { quantizationAwareModel } from "../../../codegen/quantize/aware/model.ts";
import { calibrate } from "../../../codegen/quantize/calibrate.ts";
import { evaluateQuantized, interpretImages } from "../../../codegen/quantize/evaluate.ts";
import type { QuantizedGraph } from "../../../codegen/quantize/graph.ts";
import { quantizeNetwork } from "../../../codegen/quantize/quantize.ts";
import type { Ranged } from "../../../codegen/quantize/ranges.ts";
import { parseArchitecture, type Architecture } from "../../../engine/architecture.ts";
import { lookedUp } from "../../../engine/byte-lookup.ts";
import { normalizationTable } from "../../../engine/data/normalization.ts";
import { imageAt } from "../../../engine/data/select.ts";
import { buildGraph } from "../../../engine/graph.ts";
import { Model } from "../../../engine/model.ts";
import { lowerModel } from "../../../engine/plan/lower.ts";
import { randomNormals } from "../../../engine/random.ts";
import { input } from "../../../engine/record.ts";
import { decodeCheckpoint, encodeCheckpoint, restoreModel, type Checkpoint } from "../../../engine/train/checkpoint.ts";
import type { ModelState } from "../../../engine/train/evaluate-model.ts";
import { predictedClass } from "../../../engine/train/metrics.ts";
import { constantRate } from "../../../engine/train/schedules.ts";
import { Trainer, type FitOptions } from "../../../engine/train/trainer.ts";
import { createWasmBackend } from "../../../kernels/wasm/node/index.ts";
import { tinyArchitecture, tinyData } from "../../engine/train/tiny.ts";
import { trainedValues } from "../../engine/trained-values.ts";

const backend = await createWasmBackend({ threads: 1, inline: true });
afterAll(() => backend.dispose());

const task = { input: [12, 12, 3], classes: 10 } as const;
const architectures: readonly Architecture[] = [
  tinyArchitecture,
  parseArchitecture({
    name: "shortcuts",
    ...task,
    blocks: [
      { type: "convBnRelu", channels: 8, kernel: 3 },
      { type: "basicBlock", channels: 8 },
      { type: "basicBlock", channels: 16, stride: 2 },
      { type: "globalAveragePool" },
      { type: "linear" },
    ],
  }),
  parseArchitecture({
    name: "hybrid",
    ...task,
    blocks: [
      { type: "convBnRelu", channels: 8, kernel: 3, activation: "hardSwish" },
      { type: "invertedBottleneck", channels: 8, kernel: 3, ratio: 2, activation: "gelu" },
      { type: "pool", kind: "mix", kernel: 3, stride: 2 },
      { type: "vit", heads: 2, headDim: 4 },
      { type: "pool", kind: "max", kernel: 3, stride: 2 },
      { type: "globalAveragePool" },
      { type: "linear" },
    ],
  }),
];

const valuesOf =
  (state: ModelState) =>
  ({ name }: { readonly name: string }): Float32Array =>
    state.get(name)!;

function randomState(architecture: Architecture): ModelState {
  return new Map(Model.fromArchitecture(architecture).slots.map((slot) => [slot.name, trainedValues(slot)]));
}

describe.each(architectures)("a training graph with the rounding of int8: $name", (architecture) => {
  it("gives the logits of the integers within their steps", async () => {
    const [height, width, channels] = architecture.input;
    const size = height * width * channels;
    const images = Array.from({ length: 40 }, (_, image) => Float32Array.from(randomNormals(size, 5, image)));
    const state = randomState(architecture);
    const network = lowerModel(Model.fromArchitecture(architecture), valuesOf(state));
    const { means: _, ...ranged } = await calibrate(network, images.slice(0, 20), { backend });
    const model = quantizationAwareModel(architecture, state, ranged);
    const x = input("images", [images.length, ...architecture.input]);
    const program = await backend.compile(buildGraph({ logits: model.record(x, { training: false }).y }));
    await program.run({ images: Float32Array.from(images.flatMap((image) => Array.from(image))) });
    const logits = await program.read("logits");
    const float = await floatLogits(Model.fromArchitecture(architecture), state, images);

    const integers = quantizeNetwork(ranged);
    const outputs = await interpretImages(integers, images);
    const { classes } = architecture;
    let [apart, lost, power, agreed] = [0, 0, 0, 0];
    for (const [at, whole] of outputs.entries()) {
      const own = logits.subarray(at * classes, (at + 1) * classes);
      const exact = float.subarray(at * classes, (at + 1) * classes);
      agreed += predictedClass(own) === predictedClass(whole) ? 1 : 0;
      whole.forEach((logit, c) => {
        apart += (logit - own[c]!) ** 2;
        lost += (logit - exact[c]!) ** 2;
        power += exact[c]! ** 2;
      });
    }
    // Of what rounding changes, the float32 graph has all but a little.
    expect(Math.sqrt(apart / power)).toBeLessThan(0.01);
    expect(Math.sqrt(apart / lost)).toBeLessThan(0.35);
    expect(agreed).toBeGreaterThanOrEqual(38);
  });
});

async function floatLogits(model: Model, state: ModelState, images: readonly Float32Array[]): Promise<Float32Array> {
  const x = input("images", [images.length, ...model.input]);
  const program = await backend.compile(buildGraph({ logits: model.record(x, { training: false }).y }));
  for (const name of program.slotNames) await program.writeSlot(name, state.get(name)!);
  await program.run({ images: Float32Array.from(images.flatMap((image) => Array.from(image))) });
  return program.read("logits");
}

const plain = parseArchitecture({
  name: "plain",
  input: [8, 8, 2],
  classes: 3,
  blocks: [
    { type: "convBnRelu", channels: 6, kernel: 3 },
    { type: "convBnRelu", channels: 8, kernel: 3, stride: 2 },
    { type: "globalAveragePool" },
    { type: "linear" },
  ],
});

async function train(trainer: Trainer, options: Partial<FitOptions> = {}): Promise<Checkpoint> {
  for await (const epoch of trainer.fit(tinyData, { epochs: 8, batchSize: 16, seed: 1, ...options })) void epoch;
  return decodeCheckpoint(await encodeCheckpoint(await trainer.checkpoint()));
}

/** A network that float32 sees no fault in: one channel is so large that steps of its size leave nothing of the others. */
const damaged = await (async (): Promise<{ state: ModelState; ranged: Ranged }> => {
  const model = Model.fromArchitecture(plain, { seed: 3 });
  const { slots } = await train(new Trainer(model, { backend, schedule: constantRate(0.02) }), { epochs: 20 });
  const state = new Map([...slots].map(([name, values]) => [name, values.slice()]));
  const factor = 400;
  for (const name of ["0.norm.gamma", "0.norm.beta"]) state.get(name)![0] *= factor;
  const next = state.get("1.conv.weight")!;
  for (let at = 0; at < next.length; at++) if (Math.floor(at / 8) % 6 === 0) next[at] /= factor;
  const network = lowerModel(model, valuesOf(state));
  return { state, ranged: await calibrate(network, tinyImages(), { backend }) };
})();

function tinyImages(): Float32Array[] {
  const { train, normalization } = tinyData;
  const table = normalizationTable(normalization);
  return Array.from({ length: train.count }, (_, index) => lookedUp(imageAt(train, index), table));
}

const accuracy = async (graph: QuantizedGraph): Promise<number> =>
  (await evaluateQuantized(graph, tinyData.train, tinyData)).accuracy;

const awareTrainer = (): Trainer =>
  new Trainer(quantizationAwareModel(plain, damaged.state, damaged.ranged), {
    backend,
    schedule: constantRate(0.01),
    ema: { decay: 0.5 },
  });

test("training with rounding gives back what int8 took, with the ranges that it was trained with", async () => {
  const before = await accuracy(quantizeNetwork(damaged.ranged));
  const { model, state, values } = restoreModel(await train(awareTrainer(), { epochs: 30 }));
  const network = lowerModel(model, values);
  const ranged = carriedRanges(network, state)!;
  const after = quantizeNetwork(ranged);
  expect(before).toBeLessThan(0.6);
  expect(await accuracy(after)).toBeGreaterThan(0.85);
  const { element } = after.values.find(({ name }) => name === "0.conv")!;
  const [least, largest] = state.get("extent.0.conv")!;
  expect(element).toMatchObject({ scale: (largest! - least!) / 255 });
});

test("it is resumed with the same bits", async () => {
  const whole = await train(awareTrainer(), { epochs: 2 });
  const controller = new AbortController();
  const stopped = await train(awareTrainer(), {
    epochs: 2,
    signal: controller.signal,
    callbacks: [{ onStep: ({ step }) => (step === 6 ? controller.abort() : undefined) }],
  });
  expect(stopped.step).toBe(6);
  expect((await train(awareTrainer(), { epochs: 2, resume: stopped })).slots).toEqual(whole.slots);
});

test("a model that was trained without rounding has no ranges", async () => {
  const { model, state, values } = restoreModel(await train(new Trainer(Model.fromArchitecture(plain), { backend })));
  expect(carriedRanges(lowerModel(model, values), state)).toBeUndefined();
});
