import { describe, expect, it } from "vitest";
import { syntheticClasses, syntheticImages } from "../../../engine/data/synthetic.ts";
import type { ImageSet } from "../../../engine/data/image-set.ts";

describe("the synthetic set", () => {
  it("has ten balanced classes", () => {
    const set = syntheticImages(200, 1);
    expect(set).toMatchObject({ height: 32, width: 32, channels: 3, classes: syntheticClasses });
    const histogram = new Array<number>(10).fill(0);
    for (const label of set.labels) histogram[label]!++;
    expect(histogram).toEqual(new Array(10).fill(20));
  });

  it("draws each picture from the seed and its number alone", () => {
    const all = syntheticImages(50, 7);
    const tail = syntheticImages(20, 7, 30);
    expect(tail.images).toEqual(all.images.subarray(30 * 3072));
    expect(syntheticImages(50, 8).images).not.toEqual(all.images);
  });

  it("keeps its pictures from one release to the next", () => {
    let sum = 0;
    for (const byte of syntheticImages(100, 0).images) sum = (Math.imul(sum, 31) + byte) >>> 0;
    expect(sum).toBe(2355941112);
  });

  it("is not for linear classifiers: below 60 %, and above chance", { timeout: 30_000 }, () => {
    const accuracy = linearAccuracy(syntheticImages(3000, 1), syntheticImages(1000, 1, 5000));
    expect(accuracy).toBeLessThan(0.6);
    expect(accuracy).toBeGreaterThan(0.08);
  });
});

/** Test accuracy of softmax regression on pixels, trained by stochastic gradient descent. */
function linearAccuracy(train: ImageSet, test: ImageSet): number {
  const inputs = 3072;
  const weights = new Float32Array(10 * (inputs + 1));
  const scores = new Float64Array(10);
  const pixel = (set: ImageSet, image: number, n: number) => set.images[image * inputs + n]! / 128 - 1;
  const predict = (set: ImageSet, image: number): number => {
    for (let label = 0; label < 10; label++) {
      let score = weights[label * (inputs + 1) + inputs]!;
      for (let n = 0; n < inputs; n++) score += weights[label * (inputs + 1) + n]! * pixel(set, image, n);
      scores[label] = score;
    }
    return scores.indexOf(Math.max(...scores));
  };
  for (let epoch = 0; epoch < 6; epoch++) {
    const rate = 0.002 / (1 + epoch);
    for (let image = 0; image < train.count; image++) {
      predict(train, image);
      const top = Math.max(...scores);
      const sum = scores.reduce((total, score) => total + Math.exp(score - top), 0);
      for (let label = 0; label < 10; label++) {
        const step = rate * (Math.exp(scores[label]! - top) / sum - (train.labels[image] === label ? 1 : 0));
        for (let n = 0; n < inputs; n++) weights[label * (inputs + 1) + n]! -= step * pixel(train, image, n);
        weights[label * (inputs + 1) + inputs]! -= step;
      }
    }
  }
  let right = 0;
  for (let image = 0; image < test.count; image++) if (predict(test, image) === test.labels[image]) right++;
  return right / test.count;
}
