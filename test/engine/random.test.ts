import { expect, it } from "vitest";
import {
  randomInteger,
  randomNormal,
  randomNormals,
  randomPermutation,
  randomUniform,
  randomUniforms,
} from "../../engine/random.ts";

it("many numbers of one key are those of the key with each index", () => {
  const indices = Array.from({ length: 50 }, (_, index) => index);
  expect([...randomUniforms(50, 3, 7)]).toEqual(indices.map((index) => randomUniform(3, 7, index)));
  expect([...randomNormals(50, 3, 7)]).toEqual(indices.map((index) => randomNormal(3, 7, index)));
});

it("a permutation holds every number once and swaps by the numbers of its key", () => {
  const expected = Array.from({ length: 50 }, (_, index) => index);
  for (let last = 49; last > 0; last--) {
    const chosen = randomInteger(last + 1, 4, last);
    [expected[last], expected[chosen]] = [expected[chosen]!, expected[last]!];
  }
  expect([...randomPermutation(50, 4)]).toEqual(expected);
  expect(new Set(expected).size).toBe(50);
});
