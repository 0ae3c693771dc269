import { describe, expect, it } from "vitest";
import { lookUpBytes } from "../../../engine/byte-lookup.ts";
import type { Augmentation } from "../../../engine/data/augment/augmentation.ts";
import { standardAugmentation, strongAugmentation } from "../../../engine/data/augment/presets.ts";
import { evaluationBatches, trainingBatchCount, trainingBatches } from "../../../engine/data/batches.ts";
import type { Batch } from "../../../engine/data/image-set.ts";
import { measureNormalization, normalizationTable } from "../../../engine/data/normalization.ts";
import { syntheticImages } from "../../../engine/data/synthetic.ts";

const set = syntheticImages(50, 3);
const normalization = measureNormalization(set);
const options = { batchSize: 16, normalization, seed: 1, epoch: 0 };

/** Batches share buffers, so a list of them needs copies. */
function collect(batches: Iterable<Batch>): Batch[] {
  return Array.from(batches, ({ images, labels, count }) => ({
    images: images.slice(),
    labels: labels.slice(),
    count,
  }));
}

describe("training batches", () => {
  it("drop the partial batch and show no image twice", () => {
    const batches = collect(trainingBatches(set, options));
    expect(batches.length).toBe(3);
    expect(trainingBatchCount(set, 16)).toBe(3);
    const rows = batches.flatMap(({ images }) =>
      Array.from({ length: 16 }, (_, row) => images.subarray(row * 3072, row * 3072 + 20).join()),
    );
    expect(new Set(rows).size).toBe(48);
  });

  it("have mean 0 and deviation 1 once they are normalised", () => {
    const [{ images }] = collect(trainingBatches(set, { ...options, batchSize: 50 })) as [Batch];
    const values = new Float32Array(images.length);
    lookUpBytes(values, images, normalizationTable(normalization));
    for (let channel = 0; channel < 3; channel++) {
      let sum = 0;
      let squares = 0;
      for (let at = channel; at < values.length; at += 3) {
        sum += values[at]!;
        squares += values[at]! ** 2;
      }
      expect(sum / (images.length / 3)).toBeCloseTo(0, 4);
      expect(squares / (images.length / 3)).toBeCloseTo(1, 4);
    }
  });

  it("depend on seed and epoch alone", () => {
    const first = collect(trainingBatches(set, { ...options, augment: strongAugmentation }));
    expect(collect(trainingBatches(set, { ...options, augment: strongAugmentation }))).toEqual(first);
    expect(collect(trainingBatches(set, { ...options, augment: strongAugmentation, epoch: 1 }))).not.toEqual(first);
    expect(collect(trainingBatches(set, { ...options, augment: strongAugmentation, seed: 2 }))).not.toEqual(first);
  });

  it("resume inside an epoch", () => {
    const all = collect(trainingBatches(set, { ...options, augment: standardAugmentation }));
    expect(collect(trainingBatches(set, { ...options, augment: standardAugmentation, from: 2 }))).toEqual(all.slice(2));
  });

  it("go on from epoch to epoch", () => {
    const each = { ...options, augment: standardAugmentation };
    const epochs = [0, 1, 2].map((epoch) => collect(trainingBatches(set, { ...each, epoch })));
    expect(collect(trainingBatches(set, { ...each, until: 3, from: 2 }))).toEqual(epochs.flat().slice(2));
    expect(collect(trainingBatches(set, { ...each, until: 3, from: 3 }))).toEqual(epochs.flat().slice(3));
  });

  it("hold what an augmentation returns, be it the image or the spare array", () => {
    const add = (amount: number, toSpare: boolean): Augmentation => ({
      name: "add",
      settings: {},
      prepare: () => (image, spare) => {
        const to = toSpare ? spare : image;
        image.forEach((value, at) => (to[at] = value + amount));
        return to;
      },
    });
    const plain = collect(trainingBatches(set, options));
    for (const [first, second] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ] as const) {
      const changed = collect(trainingBatches(set, { ...options, augment: [add(1, first), add(2, second)] }));
      expect(changed.map(({ images }) => images)).toEqual(plain.map(({ images }) => images.map((value) => value + 3)));
    }
  });

  it("let two buffers take turns", () => {
    const [a, b, c] = [...trainingBatches(set, options)];
    expect(c!.images).toBe(a!.images);
    expect(b!.images).not.toBe(a!.images);
  });

  it("refuse a batch larger than the set", () => {
    expect(() => [...trainingBatches(set, { ...options, batchSize: 64 })]).toThrow(
      "training: the batch size 64 is larger than the 50 training images",
    );
    expect(() => [...trainingBatches(set, { ...options, batchSize: 0 })]).toThrow(
      "batches: the batch size must be a positive integer, got 0",
    );
  });
});

describe("evaluation batches", () => {
  it("hold all images in order and mark padding by label −1", () => {
    const batches = collect(evaluationBatches(set, 16));
    expect(batches.map(({ count }) => count)).toEqual([16, 16, 16, 2]);
    expect(batches.flatMap(({ labels, count }) => [...labels.subarray(0, count)])).toEqual([...set.labels]);
    expect([...batches[3]!.labels.subarray(2)]).toEqual(new Array(14).fill(-1));
    expect(batches[3]!.images.subarray(2 * 3072).every((value) => value === 0)).toBe(true);
  });
});
