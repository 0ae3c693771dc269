import { expect, test } from "vitest";
import { placementQuality } from "./placement.ts";

test.each(["direct", "default", "ram"] as const)("the arenas of random hybrids meet their lower bounds: %s", (plan) => {
  const { medianRatio, loose } = placementQuality(20, plan);
  expect(medianRatio).toBe(1);
  expect(loose).toBe(0);
});
