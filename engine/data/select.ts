import { randomPermutation } from "../random.ts";
import { elementCount } from "../shape.ts";
import type { ImageSet } from "./image-set.ts";

/** Bytes of one image. */
export function imageBytes(set: ImageSet): number {
  return elementCount([set.height, set.width, set.channels]);
}

/** Image number `index`, a view of the set's own bytes. */
export function imageAt(set: ImageSet, index: number): Uint8Array {
  const size = imageBytes(set);
  return set.images.subarray(index * size, (index + 1) * size);
}

/** Images of one size and one set of classes, one set after another. */
export function joinSets(sets: readonly ImageSet[]): ImageSet {
  const first = sets[0]!;
  if (sets.length === 1) return first;
  const count = sets.reduce((sum, set) => sum + set.count, 0);
  const size = imageBytes(first);
  const images = new Uint8Array(count * size);
  const labels = new Uint8Array(count);
  let at = 0;
  for (const set of sets) {
    images.set(set.images, at * size);
    labels.set(set.labels, at);
    at += set.count;
  }
  return { ...first, count, images, labels };
}

/**
 * Numbers of `count` images, or of all there are, in ascending order: of each class its share (rounded as Sainte-Laguë
 * does), drawn at random. A pure function of the key.
 */
export function stratifiedSample(
  { count: all, labels }: ImageSet,
  count: number,
  ...key: readonly number[]
): Uint32Array {
  const classes = new Map<number, number[]>();
  for (const index of randomPermutation(all, ...key)) {
    const members = classes.get(labels[index]!) ?? [];
    members.push(index);
    classes.set(labels[index]!, members);
  }
  // The members of each class lie at even distances between 0 and 1; the first of all are taken.
  const placed = [...classes].flatMap(([label, members]) =>
    members.map((index, place) => ({ index, label, at: (place + 0.5) / members.length })),
  );
  placed.sort((a, b) => a.at - b.at || a.label - b.label);
  return Uint32Array.from(placed.slice(0, count), ({ index }) => index).sort();
}

/** The images with these numbers, in this order. Shares memory when they are the first ones. */
export function selectImages(set: ImageSet, indices: Uint32Array): ImageSet {
  const size = imageBytes(set);
  const count = indices.length;
  if (indices.every((index, position) => index === position))
    return { ...set, count, images: set.images.subarray(0, count * size), labels: set.labels.subarray(0, count) };
  const images = new Uint8Array(count * size);
  const labels = new Uint8Array(count);
  for (let position = 0; position < count; position++) {
    const index = indices[position]!;
    images.set(imageAt(set, index), position * size);
    labels[position] = set.labels[index]!;
  }
  return { ...set, count, images, labels };
}
