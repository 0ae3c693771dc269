import { expect, test } from "vitest";
import { median, percentile, relativeDifference } from "../../bench/statistics.ts";

const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);

test.each([
  [95, 95],
  [50, 50],
  [100, 100],
  [0, 1],
])("percentile %i of 1 to 100 is %i", (percent, expected) => {
  expect(percentile(hundred, percent)).toBe(expected);
});

test("an even number of values has its median between the middle ones", () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([7, 1, 3])).toBe(3);
});

test("differences are shares of the largest value; what is no number or not there differs infinitely", () => {
  expect(relativeDifference([1, 3], [1, 4])).toBe(0.25);
  expect(relativeDifference([1, NaN], [1, 4])).toBe(Infinity);
  expect(relativeDifference([1], [1, 4])).toBe(Infinity);
  expect(relativeDifference([0], [0])).toBe(0);
});
