import { describe, expect, it } from "vitest";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { createWasmBackend } from "../../../kernels/wasm/node/index.ts";
import { full, hasBrowser, suitePage } from "../../browser/browser.ts";
import { readTorchFixture } from "../../fixtures/torch-fixture.ts";
import { trainSmall } from "./small-hybrid.ts";
import type * as trainingPage from "./training-page.ts";

describe.skipIf(!hasBrowser).each(["webgpu", "webgl2"] as const)("training on %s", (mode) => {
  const page = suitePage<typeof trainingPage>(new URL("training-page.ts", import.meta.url));

  it.runIf(full || mode === "webgpu")(
    "20 steps have the losses of the other back ends",
    { timeout: 600_000 },
    async () => {
      const wasm = await createWasmBackend({ threads: 1 });
      const expected = await trainSmall(createReferenceBackend(), 20);
      const others = [await trainSmall(wasm, 20), await page.call("losses", mode, 20)];
      await wasm.dispose();
      for (const losses of others)
        for (const [step, loss] of losses.entries()) expect(Math.abs(loss / expected[step]! - 1)).toBeLessThan(1e-3);
      expect(expected[19]).toBeLessThan(0.8 * expected[0]!);
    },
  );

  it.runIf(full).each(["resnet8", "ref-hybrid"])(
    "%s: steps as PyTorch computes them",
    { timeout: 1_800_000 },
    async (name) => {
      const { tensors, ...fixture } = readTorchFixture(name);
      expect(await page.call("asTorch", mode, name, fixture, Object.fromEntries(tensors))).toEqual([]);
    },
  );

  it("reads back once in a step", async () => {
    const { steps, counts } = await page.call("stepCounts", mode);
    const join = 1;
    expect(counts[1]).toEqual({ ...counts[2], launches: steps + join, uploads: 4, readBacks: 1 });
  });

  it(
    "needs no more of the device after many steps, and nothing once it is disposed of",
    { timeout: 600_000 },
    async () => {
      const { before, during, after } = await page.call("deviceObjects", mode, full ? [10, 500] : [10, 40]);
      expect(during[0]).toBeGreaterThan(before);
      expect(during[1]).toBe(during[0]);
      expect(after).toBe(before);
    },
  );

  it("says that the device is lost, again and again, and a new back end goes on", async () => {
    const { said, lossBefore, lossAfter } = await page.call("loseDevice", mode);
    for (const sentence of said) {
      expect(sentence).toMatch(new RegExp(`^BackendError: gpu: the ${mode} (device|context) was lost`));
      expect(sentence).toContain("go on from a checkpoint");
    }
    expect(lossAfter).toBe(lossBefore);
  });
});
