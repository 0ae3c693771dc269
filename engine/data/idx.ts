import { DataError } from "../errors.ts";
import type { ImageSet, Source } from "./image-set.ts";
import { readBytes } from "./source-bytes.ts";

/** An array of unsigned bytes with its sizes, outermost first. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

const unsignedByte = 0x08;

/**
 * Reads an IDX file of unsigned bytes (LeCun's MNIST layout: two zero bytes, type, rank, big-endian sizes, data),
 * gzipped or not.
 *
 * @throws DataError when the file is damaged, truncated or of another kind
 */
export async function readIdx(source: Source): Promise<IdxArray> {
  const bytes = await readBytes(source);
  if (bytes.length < 4)
    throw new DataError(`${source.name}: has ${bytes.length} bytes, expected an IDX header of at least 4`);
  const view = new DataView(bytes.buffer);
  if (view.getUint16(0) !== 0)
    throw new DataError(`${source.name}: byte 0 is not the start of an IDX file, expected two zero bytes`);
  const type = bytes[2]!;
  if (type !== unsignedByte)
    throw new DataError(`${source.name}: the type at byte 2 is ${type}, expected ${unsignedByte} (unsigned bytes)`);
  const rank = bytes[3]!;
  const header = 4 + 4 * rank;
  if (bytes.length < header)
    throw new DataError(`${source.name}: ends at byte ${bytes.length}, expected a header of ${header} bytes`);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const expected = shape.reduce((product, size) => product * size, 1);
  if (bytes.length !== header + expected)
    throw new DataError(
      `${source.name}: has ${bytes.length - header} bytes of data from byte ${header} on, expected ${expected} for [${shape.join(",")}]`,
    );
  return { shape, data: bytes.subarray(header) };
}

/** Where the images and the labels of one part of an IDX data set lie. */
export interface IdxPair {
  readonly images: Source;
  readonly labels: Source;
}

/**
 * Reads images [count, height, width] or [count, height, width, channels] and labels [count].
 *
 * @param classes names by label; by default the digits up to the largest label
 * @throws DataError when either file is damaged or they do not fit each other
 */
export async function readIdxImages(pair: IdxPair, classes?: readonly string[]): Promise<ImageSet> {
  const [images, labels] = await Promise.all([readIdx(pair.images), readIdx(pair.labels)]);
  const [count = 0, height = 0, width = 0, channels = 1] = images.shape;
  if (images.shape.length < 3 || images.shape.length > 4 || images.data.length === 0)
    throw new DataError(
      `${pair.images.name}: has shape [${images.shape.join(",")}], expected images [count,height,width] or [count,height,width,channels]`,
    );
  if (labels.shape.length !== 1 || labels.shape[0] !== count)
    throw new DataError(`${pair.labels.name}: has shape [${labels.shape.join(",")}], expected [${count}] labels`);
  let largest = 0;
  for (const [index, label] of labels.data.entries()) {
    if (classes !== undefined && label >= classes.length)
      throw new DataError(
        `${pair.labels.name}: the label at byte ${8 + index} is ${label}, expected less than ${classes.length}`,
      );
    largest = Math.max(largest, label);
  }
  return {
    count,
    height,
    width,
    channels,
    classes: classes ?? Array.from({ length: largest + 1 }, (_, label) => String(label)),
    images: images.data,
    labels: labels.data,
  };
}
