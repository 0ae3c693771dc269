import fc from "fast-check";
import { expect, test } from "vitest";
import { pairedDrop } from "../../../engine/train/paired-drop.ts";

const outcomes = fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: 2, maxLength: 300 });

test("a paired drop is the mean of the images' differences, its interval 1.96 of their standard errors", () => {
  fc.assert(
    fc.property(outcomes, (pairs) => {
      const labels = pairs.map((_, image) => image % 3);
      const taken = (right: (pair: [boolean, boolean]) => boolean): number[] =>
        pairs.map((pair, image) => labels[image]! + (right(pair) ? 0 : 1));
      const { drop, interval } = pairedDrop(
        labels,
        taken(([before]) => before),
        taken(([, after]) => after),
      );
      const differences = pairs.map(([before, after]) => Number(before) - Number(after));
      const mean = differences.reduce((sum, one) => sum + one, 0) / pairs.length;
      const variance = differences.reduce((sum, one) => sum + (one - mean) ** 2, 0) / pairs.length;
      expect(drop).toBeCloseTo(mean, 12);
      expect(interval).toBeCloseTo(1.96 * Math.sqrt(variance / pairs.length), 12);
    }),
  );
});

test("two models that are right on the same images differ by nothing", () => {
  expect(pairedDrop([0, 1, 2], [0, 1, 0], [0, 1, 1])).toEqual({ drop: 0, interval: 0 });
});
