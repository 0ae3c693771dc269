import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { generate } from "../../codegen/index.ts";
import { inferenceToGraph } from "../../engine/plan/record-inference.ts";
import type { InferenceGraph } from "../../engine/plan/inference.ts";
import { createReferenceBackend } from "../../kernels/reference/index.ts";
import { CProgram, strict } from "./c-program.ts";
import { lowered, trained } from "./graphs.ts";

const float = { target: "rv32imafc", precision: "float32" } as const;
const convolution = (height: number, width: number, from: number, to: number): InferenceGraph =>
  lowered([1, height, width, from], (x) => x.conv2d(trained(3, 3, from, to), { padding: "same" }).relu());

async function referenceOf(graph: InferenceGraph, image: Float32Array): Promise<Float32Array> {
  const program = await createReferenceBackend({ precision: "float64" }).compile(inferenceToGraph(graph));
  await program.run({ images: image });
  return program.read("logits");
}

describe("Winograd convolutions", () => {
  test("agree with direct sums for any even image and any channels", async () => {
    const sizes = fc.record({
      height: fc.integer({ min: 1, max: 6 }).map((half) => 2 * half),
      width: fc.integer({ min: 1, max: 9 }).map((half) => 2 * half),
      from: fc.integer({ min: 8, max: 17 }),
      to: fc.integer({ min: 8, max: 19 }),
    });
    const shapes = fc.sample(sizes, { numRuns: 16, seed: 7 });
    const graphs = shapes.map(({ height, width, from, to }) => convolution(height, width, from, to));
    const codes = graphs.map((graph, index) =>
      generate({ graph, name: `shape${index}` }, { ...float, plan: "winograd" }),
    );
    const winograds = codes.filter(({ files }) => files.some(({ text }) => text.includes("winograd")));
    expect(winograds.length).toBeGreaterThan(10);
    const images = codes.map(({ inputShape }) =>
      Float32Array.from({ length: inputShape.reduce((a, b) => a * b) }, (_, cell) => Math.sin(cell * 1.3)),
    );
    await using program = await CProgram.write(codes);
    const outputs = await program.runOnHost("gcc", [...strict, "-O0", "-fsanitize=address,undefined"], images);
    for (const [index, graph] of graphs.entries()) {
      const expected = await referenceOf(graph, images[index]!);
      const largest = Math.max(1, ...expected.map(Math.abs));
      for (const [cell, value] of expected.entries())
        expect(Math.abs(outputs[index]![cell]! - value), JSON.stringify(shapes[index])).toBeLessThan(1e-5 * largest);
    }
  });

  test("stand only where they are asked for, and where they save instructions", () => {
    const text = (graph: InferenceGraph, plan: "winograd" | "direct") =>
      generate({ graph, name: "net" }, { ...float, plan }).files[1]!.text;
    expect(text(convolution(8, 8, 16, 16), "winograd")).toContain("Winograd");
    expect(text(convolution(8, 8, 16, 16), "direct")).not.toContain("Winograd");
    expect(text(convolution(8, 8, 1, 4), "winograd")).not.toContain("Winograd");
    expect(text(convolution(7, 8, 16, 16), "winograd")).not.toContain("Winograd");
  });
});
