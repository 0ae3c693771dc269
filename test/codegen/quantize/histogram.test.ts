import { describe, expect, it } from "vitest";
import { chooseRange, count, emptyHistogram } from "../../../codegen/quantize/histogram.ts";
import { randomNormals } from "../../../engine/random.ts";

function histogramOf(values: Float32Array) {
  const histogram = emptyHistogram({ least: Math.min(...values), largest: Math.max(...values) });
  count(histogram, values);
  return histogram;
}

/** Mean square of the error when values are rounded to 256 steps over a range. */
function error(values: Float32Array, { least, largest }: { readonly least: number; readonly largest: number }): number {
  const step = (largest - least) / 255;
  let sum = 0;
  for (const value of values) {
    const held = Math.max(least, Math.min(largest, value));
    sum += (least + Math.round((held - least) / step) * step - value) ** 2;
  }
  return sum / values.length;
}

/** With few values far out. */
const values = Float32Array.from(randomNormals(20_000, 5), (x) => x * x * x);
const histogram = histogramOf(values);

describe("range of a tensor", () => {
  it("min-max holds everything", () => {
    const { least, largest } = chooseRange(histogram, "min-max", 0);
    expect([least, largest]).toEqual([Math.min(...values), Math.max(...values)]);
  });

  it("percentile leaves out a fraction at each end", () => {
    const { least, largest } = chooseRange(histogram, "percentile", 0.01);
    const outside = values.filter((x) => x < least || x > largest).length / values.length;
    expect(outside).toBeGreaterThan(0.01);
    expect(outside).toBeLessThan(0.02);
  });

  it("mean-square cuts off what is far out and errs less than any of the others", () => {
    const chosen = chooseRange(histogram, "mean-square", 0);
    expect(chosen.largest).toBeLessThan(histogram.largest);
    for (const part of [0.2, 0.4, 0.6, 0.8, 1])
      for (const low of [0.4, 0.6, 0.8, 1])
        expect(error(values, chosen)).toBeLessThanOrEqual(
          1.02 * error(values, { least: low * histogram.least, largest: part * histogram.largest }),
        );
  });

  it("always holds 0 and takes a tensor of one value", () => {
    const chosen = chooseRange(histogramOf(Float32Array.of(3, 3, 3)), "mean-square", 0);
    expect(chosen.least).toBe(0);
    expect(chosen.largest).toBeCloseTo(3, 1);
    const zeros = chooseRange(histogramOf(new Float32Array(5)), "mean-square", 0);
    expect([zeros.least, zeros.largest]).toEqual([0, 0]);
  });
});
