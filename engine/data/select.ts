import { elementCount } from "../shape.ts";
import type { ImageSet } from "./image-set.ts";

/** Bytes of one image. */
export function imageBytes(set: ImageSet): number {
  return elementCount([set.height, set.width, set.channels]);
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
    images.set(set.images.subarray(index * size, (index + 1) * size), position * size);
    labels[position] = set.labels[index]!;
  }
  return { ...set, count, images, labels };
}
