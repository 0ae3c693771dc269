import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { activations, exp, octave, round, unaryFunction } from "../../../codegen/quantize/elementary.ts";
import { buildGraph } from "../../../engine/graph.ts";
import { unary, unaryKinds } from "../../../engine/ops/unary.ts";
import { input } from "../../../engine/record.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { powerOfTwo } from "../../../codegen/quantize/powers-of-two.ts";

describe("functions behind tables", () => {
  it("exp is within 1e-14 of the engine's, which is within a unit in the last place", () => {
    fc.assert(
      fc.property(fc.double({ min: -680, max: 680, noNaN: true }), (x) => {
        expect(Math.abs(exp(x) / Math.exp(x) - 1)).toBeLessThan(1e-14);
      }),
      { numRuns: 5000 },
    );
    expect([exp(0), exp(-1e6) < 1e-290, exp(1e6) > 1e290]).toEqual([1, true, true]);
  });

  it("activations are the float ops", () => {
    expect([-30, -1, 0, 1, 30].map(activations.sigmoid).map((y) => y.toFixed(6))).toEqual([
      "0.000000",
      "0.268941",
      "0.500000",
      "0.731059",
      "1.000000",
    ]);
    // Φ(1) = 0.841344746068543 (Abramowitz and Stegun 1964, table 26.1)
    expect(activations.gelu(1)).toBeCloseTo(0.841344746068543, 14);
    expect(activations.gelu(-1)).toBeCloseTo(-0.158655253931457, 14);
    expect([-4, -3, -1, 3, 4].map(activations.hardSwish)).toEqual([-0, -0, -1 / 3, 3, 4]);
  });

  it("functions of a cell are those of the reference back end", async () => {
    const values = Float32Array.from({ length: 81 }, (_, index) => (index - 40) / 7);
    for (const kind of unaryKinds) {
      const x = kind === "log" || kind === "sqrt" ? values.map(Math.abs) : values;
      const attributes = { kind, a: kind === "power" ? 3 : 0.3, b: 0.6 };
      const y = unary(input("x", [81]), kind, attributes.a, attributes.b);
      const program = await createReferenceBackend().compile(buildGraph({ y }));
      await program.run({ x });
      const f = unaryFunction(attributes);
      expect(
        Array.from(x, (value) => Math.fround(f(value))),
        kind,
      ).toEqual(Array.from(await program.read("y"), (value) => expect.closeTo(value, 6) as number));
    }
  });

  it("round takes halves up, also below zero", () => {
    expect([1.5, 0.5, -0.5, -1.5].map(round)).toEqual([2, 1, 0, -1]);
  });

  it("powers of two are exact", () => {
    for (let exponent = -1000; exponent <= 1000; exponent++)
      expect(powerOfTwo(exponent)).toBe(
        Number(`0b1${"0".repeat(Math.max(0, exponent))}`) / (exponent < 0 ? Number(2n ** BigInt(-exponent)) : 1),
      );
  });

  it("an octave falls from 32767 to just above its half and goes on there with the next one", () => {
    expect([octave[0], octave[255]]).toEqual([32767, 16428]);
    expect(octave.every((value, f) => f === 0 || value < octave[f - 1]!)).toBe(true);
  });
});
