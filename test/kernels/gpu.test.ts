import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchChromium } from "../../bench/browser/chromium.ts";
import { openPage, type ModulePage } from "../../bench/browser/page.ts";
import { connect, hasBrowser } from "../browser/browser.ts";
import type * as gpuPage from "./gpu-page.ts";

type GpuPage = typeof gpuPage;
const module = new URL("gpu-page.ts", import.meta.url);

describe.skipIf(!hasBrowser)("gpu.js in headless Chromium", () => {
  let browser: Browser;
  let page: ModulePage<GpuPage>;

  beforeAll(async () => {
    browser = await connect();
    page = await openPage<GpuPage>(browser, module);
  });

  afterAll(() => browser?.close());

  it.each(["webgpu", "webgl2"] as const)(
    "conv2d, matmul and relu agree with the reference on %s, forward and gradient",
    { timeout: 60_000 },
    async (mode) => {
      const { failures, cases, refusal } = await page.call("check", mode);
      expect(failures).toEqual([]);
      expect(cases).toBeGreaterThan(20);
      expect(refusal).toContain("gpu: no kernel for softmax: the gpu back end proves convolution");
      expect(page.complaints).toEqual([]);
    },
  );

  it("refuses to run on anything but the mode asked for", async () => {
    const plain = await launchChromium("none");
    try {
      const page = await openPage<GpuPage>(plain, module);
      for (const mode of ["webgpu", "webgl2"] as const)
        expect(await page.call("refusalOf", mode)).toMatch(new RegExp(`^BackendError: gpu: .*${mode}`));
    } finally {
      await plain.close();
    }
  });
});
