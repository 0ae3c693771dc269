import { expect, test } from "vitest";
import { expectNoGrowth } from "./growth.ts";

test("1,000 steps after 1,000 need no more memory", async () => {
  const { before } = await expectNoGrowth("steps", 1000);
  expect(before.wasmBytes).toBeGreaterThan(0);
});

test("30 candidates trained again in the same back end need no more memory", async () => {
  const { before } = await expectNoGrowth("candidates", 30);
  expect(before.wasmBytes).toBeGreaterThan(0);
});

test("back ends leave no memory and no thread behind", async () => {
  await expectNoGrowth("backends", 10);
});
