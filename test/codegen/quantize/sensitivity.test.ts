import { afterAll, expect, it } from "vitest";
import { calibrate } from "../../../codegen/quantize/calibrate.ts";
import { measureSensitivity } from "../../../codegen/quantize/sensitivity.ts";
import type { Layer } from "../../../engine/plan/inference.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { networkCases } from "../graphs.ts";

const backend = createReferenceBackend();
afterAll(() => backend.dispose());

it("the layer whose range is wrong and its reader come first, the others lose little", async () => {
  const { graph, image } = networkCases().find(({ name }) => name.startsWith("inverted bottleneck"))!;
  const ranged = await calibrate(graph, [image], { backend });
  const spoiled = graph.layers.find(({ op }) => op === "depthwiseConv2d") as Layer;
  const { least, largest } = ranged.values.get(spoiled.output)!;
  const rows = await measureSensitivity(
    {
      ...ranged,
      values: new Map([...ranged.values, [spoiled.output, { least: 120 * least, largest: 120 * largest }]]),
    },
    [image, image.map((value) => -value)],
    backend,
  );
  const reader = graph.layers.find(({ inputs }) => inputs.includes(spoiled.output))!;
  expect(new Set([rows[0]!.name, rows[1]!.name])).toEqual(new Set([spoiled.name, reader.name]));
  expect(rows[1]!.error).toBeGreaterThan(2 * rows[2]!.error);
  expect(rows.map(({ name }) => name).sort()).toEqual(
    graph.layers
      .filter(({ op }) => op !== "reshape")
      .map(({ name }) => name)
      .sort(),
  );
});
