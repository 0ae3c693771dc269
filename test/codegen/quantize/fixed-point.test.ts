import { expect, test } from "vitest";
import { calibrate } from "../../../codegen/quantize/calibrate.ts";
import { fixedPoint } from "../../../codegen/quantize/fixed-point.ts";
import { quantizeNetwork } from "../../../codegen/quantize/quantize.ts";
import { ConfigError } from "../../../engine/errors.ts";
import { randomNormals } from "../../../engine/random.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { lowered } from "../graphs.ts";

test("factors share the largest shift that 31 bits hold", () => {
  expect(fixedPoint("layer", [0.5, 0.25])).toEqual({ multipliers: Int32Array.of(2 ** 30, 2 ** 29), shift: 31 });
  expect(fixedPoint("layer", [1e-30])).toEqual({ multipliers: Int32Array.of(0), shift: 54 });
  expect(fixedPoint("layer", [2 ** 14 - 2 ** -16])).toEqual({ multipliers: Int32Array.of(2 ** 31 - 2), shift: 17 });
});

test.each([2 ** 14, Infinity])("a factor of %d is refused", (factor) => {
  expect(() => fixedPoint("block.conv", [0.1, factor])).toThrow(
    new ConfigError(
      `int8: block.conv: sums are to be rescaled by ${factor}, less than 16384 is held; keep this layer in float32`,
    ),
  );
});

test("a network with such a layer is refused by its name, and taken with that layer in float32", async () => {
  const graph = lowered([1, 4, 4, 8], (x) => {
    const tokens = x.reshape([1, 16, 8]);
    return tokens.attention(tokens, tokens, { heads: 2, scale: 1e6 }).reshape([1, 4, 4, 8]).globalAveragePool();
  });
  const { name } = graph.layers.find(({ op }) => op === "attention")!;
  const backend = createReferenceBackend();
  const image = Float32Array.from(randomNormals(128, 7));
  const ranged = await calibrate(graph, [image], { backend });
  expect(() => quantizeNetwork(ranged)).toThrow(`int8: ${name}: sums are to be rescaled by `);
  expect(quantizeNetwork(ranged, { keepFloat: [name] }).layers.some(({ op }) => op === "float32")).toBe(true);
});
