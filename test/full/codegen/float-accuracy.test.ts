import { expect, test } from "vitest";
import { measureAccuracy, promised } from "../../codegen/float-accuracy.ts";

test.each(Object.entries(promised))("%s, every float32 of its range", async (_, promise) => {
  const accuracy = await measureAccuracy(promise, 1, ["-ffp-contract=off"]);
  for (const kind of ["ulp", "absolute", "relative"] as const)
    expect(accuracy[kind], `${kind}, at ${accuracy.at}`).toBeLessThanOrEqual(promise[kind] ?? Infinity);
});
