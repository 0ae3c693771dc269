import type { DataSet, ImageSet } from "../../engine/data/image-set.ts";

/** What a worker needs of a data set: everything but the test images. */
export type SharedDataSet = Omit<DataSet, "test">;

/** Moves images and labels into shared memory, so that workers read them without copies of their own. */
export function shareDataSet({ test: _, ...data }: DataSet): SharedDataSet {
  return { ...data, train: shareImages(data.train), validation: shareImages(data.validation) };
}

function shareImages(set: ImageSet): ImageSet {
  return { ...set, images: sharedCopy(set.images), labels: sharedCopy(set.labels) };
}

function sharedCopy(bytes: Uint8Array): Uint8Array {
  if (bytes.buffer instanceof SharedArrayBuffer) return bytes;
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return shared;
}
