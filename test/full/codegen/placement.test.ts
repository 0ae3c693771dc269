import { expect, test } from "vitest";
import { placementQuality } from "../../codegen/placement.ts";
import { saveResult } from "../results.ts";

test("the arenas of 200 random hybrids meet their lower bounds", async () => {
  const rows = (["direct", "default", "ram"] as const).map((plan) => placementQuality(200, plan));
  await saveResult("placement", "npm run test:full -- test/full/codegen/placement", { rows });
  for (const { medianRatio, loose } of rows) {
    expect(medianRatio).toBe(1);
    expect(loose).toBe(0);
  }
});
