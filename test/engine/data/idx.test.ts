import { gzipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { readIdx, readIdxImages } from "../../../engine/data/idx.ts";
import { memorySource } from "../../../engine/data/memory-source.ts";
import { DataError } from "../../../engine/errors.ts";
import { randomInteger } from "../../../engine/random.ts";

function idx(shape: readonly number[], type = 8): Uint8Array {
  const count = shape.reduce((product, size) => product * size, 1);
  const bytes = new Uint8Array(4 + 4 * shape.length + count);
  const view = new DataView(bytes.buffer);
  bytes[2] = type;
  bytes[3] = shape.length;
  shape.forEach((size, axis) => view.setUint32(4 + 4 * axis, size));
  for (let n = 0; n < count; n++) bytes[4 + 4 * shape.length + n] = shape.length === 1 ? n % 3 : randomInteger(256, n);
  return bytes;
}

const images = (bytes: Uint8Array) => memorySource("images", bytes);
const labels = (bytes: Uint8Array) => memorySource("labels", bytes);

describe("IDX files", () => {
  it("give shape and bytes, gzipped or not", async () => {
    const bytes = idx([4, 5, 6]);
    const plain = await readIdx(images(bytes));
    expect(plain.shape).toEqual([4, 5, 6]);
    expect(plain.data).toEqual(bytes.subarray(16));
    expect(await readIdx(images(gzipSync(bytes)))).toEqual(plain);
  });

  it("pair up to images with one channel or more", async () => {
    const grey = await readIdxImages({ images: images(idx([4, 5, 6])), labels: labels(idx([4])) });
    expect(grey).toMatchObject({ count: 4, height: 5, width: 6, channels: 1, classes: ["0", "1", "2"] });
    const colour = await readIdxImages({ images: images(idx([4, 5, 6, 3])), labels: labels(idx([4])) }, [
      "a",
      "b",
      "c",
    ]);
    expect(colour).toMatchObject({ count: 4, channels: 3, classes: ["a", "b", "c"] });
  });

  it("say what is wrong", async () => {
    const wrong: [Promise<unknown>, string][] = [
      [readIdx(images(idx([2, 2, 2], 13))), "images: the type at byte 2 is 13, expected 8 (unsigned bytes)"],
      [
        readIdx(images(idx([2, 2, 2]).subarray(0, 20))),
        "images: has 4 bytes of data from byte 16 on, expected 8 for [2,2,2]",
      ],
      [readIdx(images(idx([2, 2, 2]).subarray(0, 9))), "images: ends at byte 9, expected a header of 16 bytes"],
      [readIdx(images(Uint8Array.of(0, 0))), "images: has 2 bytes, expected an IDX header of at least 4"],
      [
        readIdxImages({ images: images(idx([4, 2, 2])), labels: labels(idx([5])) }),
        "labels: has shape [5], expected [4] labels",
      ],
      [
        readIdxImages({ images: images(idx([4, 2, 2])), labels: labels(idx([4])) }, ["a", "b"]),
        "labels: the label at byte 10 is 2, expected less than 2",
      ],
    ];
    for (const [read, sentence] of wrong) await expect(read).rejects.toThrow(new DataError(sentence));
  });

  it("never fail in another way, whatever the damage", async () => {
    for (let round = 0; round < 300; round++) {
      const bytes = round % 2 ? idx([3, 4, 4]) : gzipSync(idx([3, 4, 4]));
      for (let n = 0; n < 3; n++) bytes[randomInteger(bytes.length, round, n)]! ^= 1 << randomInteger(8, round, n, 1);
      const damaged = bytes.subarray(0, round % 3 ? bytes.length : randomInteger(bytes.length, round, 9));
      await readIdxImages({ images: images(damaged), labels: labels(idx([3])) }).catch((error: unknown) =>
        expect(error).toBeInstanceOf(DataError),
      );
    }
  });
});
