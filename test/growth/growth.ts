import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect } from "vitest";
import type { Growth } from "./measure.ts";

const mebibyte = 2 ** 20;

/** Measures in a process of its own and expects that nothing grew but by noise. */
export async function expectNoGrowth(work: "steps" | "candidates" | "backends", count: number): Promise<Growth> {
  const script = new URL("./measure.ts", import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", script, work, String(count)]);
  const growth = JSON.parse(stdout) as Growth;
  const { before, after } = growth;
  expect(after.wasmBytes).toBe(before.wasmBytes);
  expect(after.threads).toBe(before.threads);
  expect(after.heapBytes).toBeLessThan(before.heapBytes + mebibyte);
  expect(after.externalBytes).toBeLessThan(before.externalBytes + mebibyte / 4);
  expect(after.residentBytes).toBeLessThan(before.residentBytes + 16 * mebibyte);
  return growth;
}
