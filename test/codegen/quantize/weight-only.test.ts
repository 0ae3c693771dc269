import { expect, it } from "vitest";
import { isInt8, roundNetworkWeights } from "../../../codegen/quantize/weight-only.ts";
import { networkCases } from "../graphs.ts";

it("weights alone: each within half a step of its channel, which ships with 255 of them", () => {
  let rounded = 0;
  for (const { graph } of networkCases()) {
    const network = roundNetworkWeights(graph);
    network.layers.forEach(({ weights: [weights], op, attributes }, index) => {
      const before = graph.layers[index]!.weights[0];
      if (weights === undefined || before === undefined || !isInt8(weights)) return;
      rounded++;
      const { cells, scales } = weights.int8();
      const transposed = op === "matmul" && (attributes as { readonly transposeB: boolean }).transposeB;
      const original = before.values();
      weights.values().forEach((value, at) => {
        const channel = transposed ? Math.floor(at / weights.shape[1]!) : at % scales.length;
        expect(value).toBe(Math.fround(scales[channel]! * cells[at]!));
        expect(Math.abs(value - original[at]!)).toBeLessThanOrEqual(0.501 * scales[channel]!);
      });
      expect(scales).toHaveLength(transposed ? weights.shape[0]! : weights.shape.at(-1)!);
      expect(Math.max(...cells.map(Math.abs))).toBe(127);
    });
  }
  expect(rounded).toBeGreaterThan(20);
});
