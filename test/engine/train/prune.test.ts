import { afterAll, expect, test } from "vitest";
import { parseArchitecture, refHybrid, resnet8, type Architecture } from "../../../engine/architecture.ts";
import { Model } from "../../../engine/model.ts";
import { lowerModel } from "../../../engine/plan/lower.ts";
import { networkMacs } from "../../../engine/plan/macs.ts";
import { inferenceToGraph } from "../../../engine/plan/record-inference.ts";
import { randomNormals } from "../../../engine/random.ts";
import { elementCount } from "../../../engine/shape.ts";
import { evaluateModel, type ModelState } from "../../../engine/train/evaluate-model.ts";
import { pruneChannels } from "../../../engine/train/prune.ts";
import { constantRate } from "../../../engine/train/schedules.ts";
import { Trainer } from "../../../engine/train/trainer.ts";
import { createWasmBackend } from "../../../kernels/wasm/node/index.ts";
import { trainedValues } from "../trained-values.ts";
import { tinyData } from "./tiny.ts";

const backend = await createWasmBackend({ threads: 1, inline: true });
afterAll(() => backend.dispose());
const input = [12, 12, 3] as const;

const stateOf = (architecture: Architecture): Map<string, Float32Array> =>
  new Map(Model.fromArchitecture(architecture).slots.map((slot) => [slot.name, trainedValues(slot)]));

async function logits(architecture: Architecture, state: ModelState): Promise<number[]> {
  const graph = inferenceToGraph(lowerModel(Model.fromArchitecture(architecture), ({ name }) => state.get(name)!));
  const program = await backend.compile(graph);
  await program.run({ images: Float32Array.from(randomNormals(432, 7)) });
  return Array.from(await program.read("logits"));
}

/** All ops that channels are followed through, but for layer norm, whose means change with the number of channels. */
const networks = [
  [
    { type: "convBnRelu", channels: 8, kernel: 3 },
    { type: "basicBlock", channels: 8 },
    { type: "basicBlock", channels: 16, stride: 2 },
    { type: "globalAveragePool" },
    { type: "linear" },
  ],
  [
    { type: "convBnRelu", channels: 8, kernel: 3, stride: 2 },
    { type: "invertedBottleneck", channels: 16, kernel: 3, ratio: 2 },
    { type: "pool", kind: "mix", kernel: 3, stride: 2 },
    { type: "vit", heads: 2, headDim: 4 },
    { type: "vit", heads: 2, headDim: 4, channels: 24, attention: "linear" },
    { type: "linear" },
  ],
  [
    { type: "residual", channels: 8, kernel: 3 },
    { type: "shortcut", blocks: [{ type: "bottleneck", channels: 16, kernel: 3, ratio: 1 }] },
    { type: "linear" },
  ],
].map((blocks, at) => parseArchitecture({ name: `network ${at}`, input, classes: 5, blocks }));

test.each(networks)("$name is the same without channels that give nothing", async (architecture) => {
  const state = stateOf(architecture);
  const last = `${architecture.blocks.length - 1}.`;
  // Every other channel of every layer is 0.
  for (const { name, shape } of Model.fromArchitecture(architecture).slots)
    if (!name.startsWith(last) && /weight|bias|gamma|beta/.test(name))
      state.set(
        name,
        state.get(name)!.map((value, at) => ((at % shape.at(-1)!) % 2 === 0 ? value : 0)),
      );
  const pruned = pruneChannels(architecture, state, 0.5);
  const macs = [architecture, pruned.architecture].map((each) => networkMacs(lowerModel(Model.fromArchitecture(each))));
  expect(macs[1]).toBeLessThan(0.6 * macs[0]!);
  const [before, after] = [await logits(architecture, state), await logits(pruned.architecture, pruned.state)];
  for (const [at, value] of after.entries()) expect(value).toBeCloseTo(before[at]!, 4);
});

test.each([resnet8, refHybrid])("$name keeps its form", (architecture) => {
  const { architecture: narrow, state } = pruneChannels(architecture, stateOf(architecture), 0.3);
  const widths = ({ blocks }: Architecture): number[] =>
    blocks.flatMap((each) => ("channels" in each ? [each.channels!] : []));
  expect(widths(narrow)).toEqual(widths(architecture).map((width) => Math.round((width * 0.7) / 4) * 4));
  for (const { name, shape } of Model.fromArchitecture(narrow).slots)
    expect([name, state.get(name)!.length]).toEqual([name, elementCount(shape)]);
});

test("nothing is removed of a fraction of 0, nor beyond four channels", () => {
  const [architecture] = networks as [Architecture];
  const state = stateOf(architecture);
  expect(pruneChannels(architecture, state, 0).state).toEqual(state);
  const { architecture: least } = pruneChannels(architecture, state, 0.99);
  expect(least.blocks[0]).toMatchObject({ channels: 4 });
});

test("a trained network that lost channels learns again what it knew", async () => {
  const blocks = [
    { type: "convBnRelu", channels: 16, kernel: 3 },
    { type: "basicBlock", channels: 16 },
    { type: "linear" },
  ];
  const wide = parseArchitecture({ name: "wide", input: [8, 8, 2], classes: 3, blocks });
  const fit = async (model: Model, epochs: number): Promise<Trainer> => {
    const trainer = new Trainer(model, { backend, schedule: constantRate(0.01) });
    for await (const epoch of trainer.fit(tinyData, { epochs, batchSize: 16, seed: 1 })) void epoch;
    return trainer;
  };
  const evaluate = (model: Model, state: ModelState) =>
    evaluateModel(model, state, tinyData.train, { backend, ...tinyData });
  const trained = await fit(Model.fromArchitecture(wide, { seed: 2 }), 6);
  expect((await evaluate(trained.model, await trained.state())).accuracy).toBeGreaterThan(0.95);

  const { architecture, state } = pruneChannels(wide, await trained.state(), 0.75);
  const model = Model.fromArchitecture(architecture, { values: state });
  const before = await evaluate(model, state);
  const again = await fit(model, 4);
  const after = await evaluate(again.model, await again.state());
  expect(after.loss).toBeLessThan(0.5 * before.loss);
  expect(after.accuracy).toBeGreaterThan(0.95);
});

test("what has another form with fewer channels is refused", () => {
  const grouped = parseArchitecture({
    name: "grouped",
    input,
    blocks: [
      { type: "convBnRelu", channels: 8, kernel: 3 },
      { type: "convBnRelu", channels: 8, kernel: 3, groups: 2 },
      { type: "linear" },
    ],
  });
  expect(() => pruneChannels(grouped, stateOf(grouped), 0.5)).toThrow(
    "prune: convolutions in groups keep their channels",
  );
  const meeting = parseArchitecture({
    name: "meeting",
    input,
    blocks: [{ type: "convBnRelu", channels: 8, kernel: 3 }, { type: "basicBlock", channels: 9 }, { type: "linear" }],
  });
  expect(() => pruneChannels(meeting, stateOf(meeting), 0.5)).toThrow("meeting has another form with fewer channels");
  expect(() => pruneChannels(meeting, stateOf(meeting), 1)).toThrow("at least 0 and below 1");
});
