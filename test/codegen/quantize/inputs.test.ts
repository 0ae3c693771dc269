import { expect, it } from "vitest";
import { byteTables } from "../../../codegen/quantize/inputs.ts";

it("a byte becomes the cell next to its normalised value, by channel, saturated", () => {
  const element = { type: "int8", scale: 0.02, zero: -10, low: -128, high: 127 } as const;
  const mean = [0.5, 0.25];
  const deviation = [0.25, 0.1];
  const table = byteTables({ mean, deviation }, element);
  expect(table).toHaveLength(512);
  for (const [channel, byte] of [
    [0, 0],
    [0, 127],
    [0, 255],
    [1, 64],
    [1, 100],
  ] as const) {
    const real = (byte / 255 - mean[channel]!) / deviation[channel]!;
    expect(Math.abs(element.scale * (table[256 * channel + byte]! + 10) - real)).toBeLessThanOrEqual(0.0100001);
  }
  expect([table[256], table[511]]).toEqual([-128, 127]);
});
