import { describe, expect, test } from "vitest";
import { measureAccuracy, promised } from "./float-accuracy.ts";

/** A prime, so that the low bits of the arguments take all values. All of them: test/full/codegen. */
const stride = 1009;

describe.each(["off", "fast"])("functions of float32 with contraction %s", (contraction) => {
  test.each(Object.entries(promised))("%s", async (_, promise) => {
    const accuracy = await measureAccuracy(promise, stride, [`-ffp-contract=${contraction}`]);
    for (const kind of ["ulp", "absolute", "relative"] as const)
      expect(accuracy[kind], `${kind}, at ${accuracy.at}`).toBeLessThanOrEqual(promise[kind] ?? Infinity);
    expect(accuracy.ulp).toBeGreaterThan(0);
  });
});
