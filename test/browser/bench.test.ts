import { describe, expect, it } from "vitest";
import type * as gpuPage from "../../bench/browser/gpu-page.ts";
import { crossovers } from "../../bench/crossover.ts";
import { crossoverRowSchema, kernelRowSchema, networkRowSchema, patternRowSchema } from "../../bench/rows.ts";
import { parseArchitecture } from "../../engine/architecture.ts";
import { hasBrowser, suitePage } from "./browser.ts";

const architecture = parseArchitecture({
  name: "tiny",
  input: [8, 8, 3],
  classes: 4,
  blocks: [{ type: "convBnRelu", channels: 4, kernel: 3 }, { type: "globalAveragePool" }, { type: "linear" }],
});

describe.skipIf(!hasBrowser)("benchmarks in a page", () => {
  const page = suitePage<typeof gpuPage>(new URL("../../bench/browser/gpu-page.ts", import.meta.url));

  it.each(["webgpu", "webgl2"] as const)("%s: launches, read-backs and bytes of a step", async (mode) => {
    const row = networkRowSchema.parse(await page.call("trainingRow", mode, architecture, { batch: 4, seconds: 0.1 }));
    expect(row.variant).toMatch(new RegExp(`^${mode}, .*\\(software\\)$`));
    expect(row.device).toMatchObject({ readBacks: 1 });
    expect(row.device!.launches).toBeGreaterThan(5);
    expect(row.device!.bytes).toBeGreaterThan(0);
    expect(row.minimum).toBeGreaterThan(0);
  });

  it("webgpu: launches of a step by the pattern of their kernels", async () => {
    const rows = patternRowSchema.array().parse(await page.call("patternRows", "webgpu", architecture, 4));
    expect(new Set(rows.map(({ pattern }) => pattern))).toEqual(new Set(["map", "product", "sum", "copy"]));
    expect(rows.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
  });

  it("webgpu: rows of a kernel, and from which batch on it is faster", async () => {
    const rows = kernelRowSchema
      .array()
      .parse(await page.call("kernelRows", "webgpu", "gemm 64×64×64", { batch: 1, seconds: 0.05 }));
    expect(rows.map(({ kernel }) => kernel)).toEqual(["gemm 64×64×64"]);
    const slow = rows.map((row) => ({ ...row, backend: "wasm", variant: "slow", median: row.median + 1 }));
    const [found] = crossovers(rows, slow);
    expect(crossoverRowSchema.parse(found)).toMatchObject({
      kernel: rows[0]!.kernel,
      against: "wasm slow, threads: 1",
      from: 1,
    });
    expect(crossovers(slow, rows)[0]!.from).toBeNull();
  });
});
