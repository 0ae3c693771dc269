import fc from "fast-check";
import { expect, it } from "vitest";
import type { ImageSet } from "../../../engine/data/image-set.ts";
import { stratifiedSample } from "../../../engine/data/select.ts";

function labelled(labels: readonly number[]): ImageSet {
  const images = new Uint8Array(labels.length);
  return {
    count: labels.length,
    height: 1,
    width: 1,
    channels: 1,
    classes: [],
    images,
    labels: Uint8Array.from(labels),
  };
}

const labels = fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 200 });

it("a stratified sample has the share of each class, no image twice, in order", () => {
  fc.assert(
    fc.property(labels, fc.nat({ max: 250 }), fc.nat(), (labels, count, key) => {
      const sample = [...stratifiedSample(labelled(labels), count, key)];
      expect(sample.length).toBe(Math.min(count, labels.length));
      expect(sample).toEqual([...new Set(sample)].sort((a, b) => a - b));
      for (const label of new Set(labels)) {
        const taken = sample.filter((index) => labels[index] === label).length;
        const share = (labels.filter((other) => other === label).length * sample.length) / labels.length;
        expect(Math.abs(taken - share)).toBeLessThanOrEqual(2.5);
      }
    }),
  );
});

it("a stratified sample is a pure function of the key, and part of every larger one", () => {
  const set = labelled(Array.from({ length: 300 }, (_, index) => index % 10));
  const sample = stratifiedSample(set, 50, 1);
  expect(stratifiedSample(set, 50, 1)).toEqual(sample);
  expect(stratifiedSample(set, 50, 2)).not.toEqual(sample);
  expect([...stratifiedSample(set, 90, 1)]).toEqual(expect.arrayContaining([...sample]));
  for (let label = 0; label < 10; label++) expect(sample.filter((index) => index % 10 === label).length).toBe(5);
});
