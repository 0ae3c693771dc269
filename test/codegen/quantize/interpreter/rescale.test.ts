import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { requantize, rescale } from "../../../../codegen/quantize/interpreter/rescale.ts";

const int32 = fc.oneof(fc.integer(), fc.constantFrom(-(2 ** 31), 2 ** 31 - 1, -1, 0, 1));
const multiplier = fc.oneof(fc.integer({ min: 0, max: 2 ** 31 - 1 }), fc.constantFrom(0, 1, 2 ** 30, 2 ** 31 - 1));

/** The definition, letter by letter. */
function defined(acc: number, by: number, shift: number): bigint {
  return (BigInt(acc) * BigInt(by) + 2n ** BigInt(shift - 1)) >> BigInt(shift);
}

describe("rescale", () => {
  it("is one rounding of the 64-bit product, halves up", () => {
    fc.assert(
      fc.property(int32, multiplier, fc.integer({ min: 17, max: 62 }), (acc, by, shift) => {
        const expected = defined(acc, by, shift);
        fc.pre(expected >= -(2n ** 31n) && expected < 2n ** 31n);
        expect(rescale(acc, by, shift)).toBe(Number(expected));
      }),
      { numRuns: 5000 },
    );
    expect([3, 2, 1, -1, -2, -3].map((acc) => rescale(acc, 2 ** 30, 31))).toEqual([2, 1, 1, 0, -1, -1]);
  });

  it("needs only the upper half of the product from a shift of 33 on, and takes a zero point along up to 54", () => {
    fc.assert(
      fc.property(
        int32,
        multiplier,
        fc.integer({ min: 33, max: 54 }),
        fc.integer({ min: -128, max: 127 }),
        (acc, by, shift, zero) => {
          const upper = Number((BigInt(acc) * BigInt(by)) >> 32n);
          const constant = (1 << (shift - 33)) + zero * (1 << (shift - 32));
          expect(Math.abs(upper) + Math.abs(constant)).toBeLessThan(2 ** 31);
          expect((upper + constant) >> (shift - 32)).toBe(rescale(acc, by, shift) + zero);
        },
      ),
      { numRuns: 5000 },
    );
  });
});

describe("requantize", () => {
  const at = { multipliers: Int32Array.of(2 ** 30, 2 ** 29), shift: 33, zero: -5, low: -5, high: 127 };

  it("takes the multiplier of the channel, adds the zero point and saturates", () => {
    expect([0, 1].map((channel) => requantize(80, at, channel))).toEqual([5, 0]);
    expect(requantize(-80, at, 0)).toBe(-5);
    expect(requantize(1e9, at, 0)).toBe(127);
  });

  it("takes a single multiplier for all channels", () => {
    expect(requantize(80, { ...at, multipliers: Int32Array.of(2 ** 30) }, 7)).toBe(5);
  });
});
