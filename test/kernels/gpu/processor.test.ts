import { describe, expect, it } from "vitest";
import { record } from "../../../engine/record.ts";
import { createGpuBackend } from "../../../kernels/gpu/index.ts";
import { loadGpuJs } from "../../../kernels/gpu/node/load-gpu-js.ts";
import { mostElements } from "../../../kernels/gpu/limits.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { full } from "../../browser/browser.ts";
import { normal, opCase } from "../../op-cases/case.ts";
import { parity } from "../../op-cases/harness.ts";
import { families } from "../../op-cases/index.ts";
import { sampleOf } from "./sample.ts";
import { trainSmall } from "./small-hybrid.ts";
import { tolerances } from "./tolerances.ts";

const reference = createReferenceBackend();
const library = await loadGpuJs();

// The same kernels without a GPU: gpu.js has modes for the processor, which run where they are named.
describe.each(["webasm", "cpu"] as const)("gpu.js on the processor, %s", async (mode) => {
  const backend = await createGpuBackend(library, { mode });

  it.each(families)("%s agrees with the reference", async (family) => {
    expect(await parity(sampleOf(family, 12), backend, reference, tolerances[family])).toEqual([]);
  });

  it("is named as no GPU", () => {
    expect(backend.variant).toBe(`${mode}, this processor (software)`);
    expect(backend.adapter.software).toBe(true);
  });

  it("trains as the reference", async () => {
    const expected = await trainSmall(reference, 3);
    for (const [step, loss] of (await trainSmall(backend, 3)).entries()) expect(loss).toBeCloseTo(expected[step]!, 4);
  });
});

it.runIf(full)(
  "attention of more scores than one array holds goes in runs of images",
  { timeout: 600_000 },
  async () => {
    const backend = await createGpuBackend(library, { mode: "cpu" });
    const [n, tokens] = [3, 2400];
    expect(n * tokens ** 2).toBeGreaterThan(mostElements);
    const inputs = [normal(n, tokens, 2), normal(n, tokens, 2), normal(n, tokens, 2)];
    const large = opCase("attention of many tokens", inputs, (inputs) =>
      record("attention", inputs, { heads: 1, scale: 1 }),
    );
    expect(await parity([large], backend, reference, tolerances["attention"])).toEqual([]);
  },
);
