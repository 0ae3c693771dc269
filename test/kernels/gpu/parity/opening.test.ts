import { describe, expect, it } from "vitest";
import { launchChromium } from "../../../../bench/browser/chromium.ts";
import { openPage } from "../../../../bench/browser/page.ts";
import { hasBrowser, suitePage } from "../../../browser/browser.ts";
import type * as parityPage from "./parity-page.ts";

const module = new URL("parity-page.ts", import.meta.url);

describe.skipIf(!hasBrowser)("gpu.js in headless Chromium", () => {
  const page = suitePage<typeof parityPage>(module);

  it("opens the mode asked for, or the best one, and names the adapter", async () => {
    expect(await page.call("open")).toMatch(/^webgpu, .*\(software\): gpu-webgpu$/);
    expect(await page.call("open", "webgl2")).toMatch(/^webgl2, .*SwiftShader.* \(software\): gpu-webgl2$/);
  });

  it("says why each mode does not work, where none does", async () => {
    const plain = await launchChromium("none");
    try {
      const page = await openPage<typeof parityPage>(plain.browser, module);
      expect(await page.call("open", "webgl2")).toMatch(/^BackendError: gpu: nothing works here .*: webgl2: [^;]*$/);
      expect(await page.call("open")).toMatch(/^BackendError: gpu: .*webgpu: .*webgl2: .*webgl: /);
    } finally {
      await plain.close();
    }
  });
});
