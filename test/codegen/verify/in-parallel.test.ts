import { expect, test } from "vitest";
import { inParallel } from "../../../codegen/verify/in-parallel.ts";

const soon = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

test("results keep their order, and no more than the limit run at a time", async () => {
  let running = 0;
  let most = 0;
  const results = await inParallel([30, 10, 20, 5], 2, async (milliseconds) => {
    most = Math.max(most, ++running);
    await soon(milliseconds);
    running--;
    return milliseconds * 2;
  });
  expect(results).toEqual([60, 20, 40, 10]);
  expect(most).toBe(2);
});

test("an error comes after what was under way, and nothing new is begun", async () => {
  const ended: number[] = [];
  const all = inParallel([1, 2, 3, 4], 2, async (item) => {
    await soon(item * 10);
    if (item === 1) throw new Error("first");
    ended.push(item);
  });
  await expect(all).rejects.toThrow("first");
  expect(ended).toEqual([2]);
});
