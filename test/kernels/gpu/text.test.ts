import { compileFunction } from "node:vm";
import { describe, expect, it } from "vitest";
import { buildGraph } from "../../../engine/graph.ts";
import { relu } from "../../../engine/ops/elementwise.ts";
import { input } from "../../../engine/record.ts";
import { splitting } from "../../../kernels/gpu/kernel-text.ts";
import { mostElements } from "../../../kernels/gpu/limits.ts";
import { planGpu } from "../../../kernels/gpu/plan.ts";
import { hasBrowser, suitePage } from "../../browser/browser.ts";
import type * as textPage from "./text-page.ts";

const sizes = [1, 2, 3, 7, 10, 24, 48, 97, 127, 1000, 65_535, 65_536, 262_145, 4_194_303];

describe.skipIf(!hasBrowser)("indexes in kernels", () => {
  const page = suitePage<typeof textPage>(new URL("text-page.ts", import.meta.url));

  it.each(["webgpu", "webgl2"] as const)("are divided exactly on %s, up to the largest", async (mode) => {
    const count = 1 << 18;
    const none = sizes.map(() => 0);
    expect(await page.call("wrongDivisions", mode, sizes, 0, count)).toEqual(none);
    expect(await page.call("wrongDivisions", mode, sizes, mostElements - count, count)).toEqual(none);
  });
});

it.each(sizes.filter((size) => size > 1))("a quotient by %i is right whatever the rounding of the product", (size) => {
  const code = `${nudged(size)}\nreturn quotient;`;
  const divide = compileFunction(code, ["index", "nudge"]) as (index: number, nudge: number) => number;
  const wrong: number[] = [];
  for (let index = mostElements - 1; index > 0; index -= 1 + (index >> 12))
    for (const nudge of [-(2 ** -22), 0, 2 ** -22])
      if (divide(index, nudge) !== Math.floor(index / size)) wrong.push(index);
  expect(wrong).toEqual([]);
});

/** The statements, with the reciprocal off by a share. */
function nudged(size: number): string {
  const exact = Number.isInteger(Math.log2(size));
  return splitting("index", size, "quotient", "rest").replace(
    `index * ${1 / size}`,
    exact ? `index * ${1 / size}` : `index * ${1 / size} * (1 + nudge)`,
  );
}

it("refuses arrays that float32 cannot count", () => {
  const large = relu(input("x", [mostElements + 1]));
  expect(() => planGpu(buildGraph({ y: large }))).toThrow(
    `gpu: relu: [${mostElements + 1}] has more than ${mostElements} elements`,
  );
});
