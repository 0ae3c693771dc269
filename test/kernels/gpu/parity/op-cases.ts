import { describe, expect, it } from "vitest";
import type { GpuMode } from "../../../../kernels/gpu/index.ts";
import { hasBrowser, suitePage } from "../../../browser/browser.ts";
import { families } from "../../../op-cases/index.ts";
import type * as parityPage from "./parity-page.ts";

/**
 * Compares op cases on one mode with the reference back end. Each mode is a file of its own, for these run side by side.
 * @param most cases of each family; with 0 the tests are skipped
 */
export function compareOpCases(mode: GpuMode, most: number): void {
  describe.skipIf(!hasBrowser || most === 0)(`gpu.js in headless Chromium on ${mode}`, () => {
    const page = suitePage<typeof parityPage>(new URL("parity-page.ts", import.meta.url));

    it.each(families)("%s agrees with the reference", async (family) => {
      const { failures, compared } = await page.call("check", mode, family, most);
      expect(failures).toEqual([]);
      expect(compared).toBeGreaterThan(0);
      expect(page.complaints.filter((complaint) => !complaint.includes("GPU stall due to ReadPixels"))).toEqual([]);
    });
  });
}
