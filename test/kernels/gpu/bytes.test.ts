import { describe, expect, it } from "vitest";
import { hasBrowser, suitePage } from "../../browser/browser.ts";
import type * as bytesPage from "./bytes-page.ts";

describe.skipIf(!hasBrowser)("bytes, three in a float", () => {
  const page = suitePage<typeof bytesPage>(new URL("bytes-page.ts", import.meta.url));

  it.each(["webgpu", "webgl2"] as const)("are looked up exactly on %s", async (mode) => {
    for (const channels of [1, 2, 3, 4]) expect(await page.call("wrongBytes", mode, channels)).toBe(0);
  });
});
