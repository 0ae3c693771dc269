import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { datasets } from "../../engine/data/datasets.ts";
import { findCheckpoint, loadCheckpoint } from "../../engine/io-node/checkpoint-file.ts";
import { createReferenceBackend } from "../../kernels/reference/index.ts";
import { localSearch } from "../../nas/runners/local-search.ts";
import { createEvaluator } from "../../nas/runners/train-evaluator.ts";
import { trainRetrainer } from "../../nas/runners/train-retrainer.ts";
import { choice, group } from "../../nas/space/parameter.ts";
import { defineSpace } from "../../nas/space/space.ts";
import { randomSearch } from "../../nas/strategies/random-search.ts";
import { countCosts } from "./networks.ts";

const folder = mkdtempSync(join(tmpdir(), "finch-search-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

const small = defineSpace({
  name: "small",
  parameters: group({ channels: choice(4, 6, 8), kernel: choice(1, 3), heads: choice(1, 2) }),
  build: ({ channels, kernel, heads }) => ({
    blocks: [
      { type: "convBnRelu", channels, kernel, stride: 4 },
      { type: "pool", kind: "mix", kernel: 3, stride: 2 },
      { type: "vit", heads, headDim: 4 },
      { type: "globalAveragePool" },
      { type: "linear" },
    ],
  }),
});

const backend = {
  module: new URL("../../kernels/reference/index.ts", import.meta.url).href,
  factory: "createReferenceBackend",
};

test(
  "candidates are trained in workers, the winner is retrained and stands for the run",
  { timeout: 60_000 },
  async () => {
    const data = await datasets.synthetic({ limit: 320, validation: 64, test: 64 });
    const out = join(folder, "run");
    const retrainer = trainRetrainer({ run: out, data, backend: createReferenceBackend(), batchSize: 32, test: true });
    const options = {
      budget: 4,
      costs: countCosts,
      strategy: randomSearch(),
      limits: { parameters: 1000 },
      seed: 1,
      out,
      backend,
      jobs: 2,
      proxy: { epochs: 2, limit: 128, batchSize: 32 },
      retrainer,
    };
    const run = await localSearch(small, data, options);
    expect(run.result()).toMatchObject({ evaluated: 4, failed: 0, resumed: false, run: out });

    const { architecture, seed, evaluation } = run.trials[0]!;
    expect(evaluation!.history).toMatchObject([
      { validationAccuracy: null },
      { validationAccuracy: evaluation!.validationAccuracy },
    ]);
    expect(evaluation!.backend).toMatchObject({ name: "reference" });
    expect(evaluation!.loss).toBeGreaterThan(1);
    expect(evaluation!.loss).toBeLessThan(3);
    const other = await createEvaluator({ data, backend, epochs: 1, batchSize: 32 });
    expect((await other.evaluate(architecture, { seed })).validationAccuracy).toBeGreaterThanOrEqual(0);

    const { models } = await run.retrain({ top: 1, epochs: 2 });
    expect(models[0]).toMatchObject({ id: run.best!.id, macs: run.best!.costs.macs });
    expect(models[0]!.testAccuracy).not.toBeNull();
    const best = await findCheckpoint(out);
    expect(best).toBe(join(out, "models", "best.finch"));
    expect((await loadCheckpoint(best)).architecture).toEqual(run.best!.architecture);
    expect((await loadCheckpoint(join(out, models[0]!.checkpoint))).history.length).toBeGreaterThan(0);

    const again = await localSearch(small, data, options);
    expect(again.result()).toEqual({ ...run.result(), resumed: true });
    const float64 = { ...options, backend: { ...backend, options: { precision: "float64" } } };
    await expect(localSearch(small, data, float64)).rejects.toThrow(
      /with other settings: evaluation\.profile was .* by --allow-different-bits, or start anew/,
    );
    expect((await localSearch(small, data, { ...float64, allowDifferentBits: true })).resumed).toBe(true);
    const profiles: (string | undefined)[] = [];
    const asRecorded = (profile?: string) => {
      profiles.push(profile);
      return profile === "reference-float32" ? backend : float64.backend;
    };
    expect((await localSearch(small, data, { ...options, backend: asRecorded })).resumed).toBe(true);
    expect(profiles).toEqual(["reference-float32"]);
    const missing = { ...options, backend: { ...backend, factory: "createQuantumBackend" } };
    await expect(localSearch(small, data, missing)).rejects.toThrow("exports no function createQuantumBackend");
    await expect(localSearch(small, data, { ...options, proxy: { ...options.proxy, epochs: 3 } })).rejects.toThrow(
      `${out}: was started with other settings: evaluation.epochs was 2, now 3.`,
    );
  },
);

test("candidates are validated on equal shares of each class, as often as wanted", { timeout: 60_000 }, async () => {
  const data = await datasets.synthetic({ limit: 200, validation: 100, test: 10 });
  const out = join(folder, "subset");
  const epochs: (number | null)[] = [];
  const options = {
    ...{ budget: 1, costs: countCosts, strategy: randomSearch(), limits: { parameters: 1000 }, out, backend, jobs: 1 },
    proxy: { epochs: 2, limit: 128, batchSize: 32, validation: 40, validateEvery: 1 },
  };
  const run = await localSearch(small, data, {
    ...options,
    onEvent: (event) => void (event.type === "epoch" && epochs.push(event.validationAccuracy)),
  });
  const { validationAccuracy } = run.trials[0]!.evaluation!;
  expect(validationAccuracy * 40).toBeCloseTo(Math.round(validationAccuracy * 40), 9);
  expect(epochs).toEqual([expect.any(Number), validationAccuracy]);
  expect(run.settings.evaluation).toMatchObject({ validation: 40 });

  const seldom = await localSearch(small, data, { ...options, proxy: { ...options.proxy, validateEvery: undefined } });
  expect(seldom.resumed).toBe(true);
  const all = { ...options, proxy: { ...options.proxy, validation: undefined } };
  await expect(localSearch(small, data, all)).rejects.toThrow("evaluation.validation was 40, now not set");
  const whole = await localSearch(small, data, { ...all, fresh: true });
  expect(whole.settings.evaluation).not.toHaveProperty("validation");
});

test("data that cannot serve a search are refused", async () => {
  const data = await datasets.synthetic({ limit: 40, validation: 0 });
  const options = { budget: 1, costs: countCosts, out: join(folder, "none"), backend };
  await expect(localSearch(small, data, options)).rejects.toThrow(
    "search: a batch of 128 is larger than the 40 training images",
  );
  await expect(localSearch(small, data, { ...options, proxy: { batchSize: 8 } })).rejects.toThrow(
    "search: candidates need validation images, there are none",
  );
});
