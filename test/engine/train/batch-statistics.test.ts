import { expect, test } from "vitest";
import { parseArchitecture } from "../../../engine/architecture.ts";
import { byteInput } from "../../../engine/record.ts";
import { buildGraph } from "../../../engine/graph.ts";
import { normalizationTable } from "../../../engine/data/normalization.ts";
import { Model } from "../../../engine/model.ts";
import { batchStatistics } from "../../../engine/train/batch-statistics.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { tinyArchitecture, tinyData } from "./tiny.ts";

const backend = createReferenceBackend({ precision: "float64" });
const { normalization, train: set } = tinyData;

async function logits(model: Model, training: boolean): Promise<Float32Array> {
  const images = byteInput("images", [set.count, ...model.input], normalizationTable(normalization));
  const program = await backend.compile(buildGraph({ logits: model.record(images, { training }).y }));
  await program.run({ images: set.images });
  return program.read("logits");
}

test("with a batch's statistics a model evaluates that batch as it does in training", async () => {
  const architecture = parseArchitecture({
    ...tinyArchitecture,
    blocks: tinyArchitecture.blocks.filter(({ type }) => type !== "dropout"),
  });
  const untrained = Model.fromArchitecture(architecture, { seed: 3 });
  const expected = await logits(untrained, true);
  const values = await batchStatistics(untrained, set, { backend, normalization });
  const settled = await logits(Model.fromArchitecture(architecture, { seed: 3, values }), false);
  const largest = Math.max(...expected.map(Math.abs));
  // The running variance is the unbiased one: 1 + 1/319 times that of the last batch norm's 80 · 4 samples.
  settled.forEach((logit, index) => expect(Math.abs(logit - expected[index]!)).toBeLessThan(0.02 * largest));
  const before = await logits(untrained, false);
  expect(Math.max(...before.map((logit, index) => Math.abs(logit - expected[index]!)))).toBeGreaterThan(0.2 * largest);
});

test("dropout before a batch norm is fed its seed", async () => {
  const dropped = parseArchitecture({
    ...tinyArchitecture,
    blocks: [{ type: "dropout", rate: 0.5 }, ...tinyArchitecture.blocks],
  });
  const statistics = await batchStatistics(Model.fromArchitecture(dropped), set, { backend, normalization });
  expect(statistics.size).toBeGreaterThan(0);
  for (const values of statistics.values()) expect(values.every(Number.isFinite)).toBe(true);
});
