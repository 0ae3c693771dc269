import { expect, test } from "vitest";
import { expectNoGrowth } from "../growth/growth.ts";
import { saveResult } from "./results.ts";

test("long trainings, many candidates and many back ends need no more memory the second time", async () => {
  const growths = [
    await expectNoGrowth("steps", 20_000),
    await expectNoGrowth("candidates", 200),
    await expectNoGrowth("backends", 200),
  ];
  expect(growths).toHaveLength(3);
  await saveResult("growth", "npm run test:full -- test/full/growth.test.ts", { growths });
});
