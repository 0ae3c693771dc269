import { gunzipSync, gzipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { readCifar10 } from "../../../engine/data/cifar10.ts";
import { memorySource } from "../../../engine/data/memory-source.ts";
import { DataError } from "../../../engine/errors.ts";
import { fileSource } from "../../../engine/io-node/file-source.ts";
import { randomInteger } from "../../../engine/random.ts";
import { dataFolder, dataIsAbsent } from "../../data-folder.ts";
import { archive, archiveFiles, batchFile, classNames } from "./cifar-archive.ts";

const folder = "cifar-10-batches-bin";
const source = (bytes: Uint8Array) => memorySource("cifar.tar.gz", bytes);

async function archiveWith(change: (files: Map<string, Uint8Array>) => void): Promise<Uint8Array> {
  const files = archiveFiles();
  change(files);
  return archive(files);
}

async function message(read: Promise<unknown>): Promise<string> {
  const error = await read.then(
    () => new Error("read without an error"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DataError);
  return (error as DataError).message;
}

describe("readCifar10", () => {
  it("reads the training batches in the order of their names, pixel by pixel", async () => {
    const set = await readCifar10(source(await archive()), "train");
    expect(set).toMatchObject({ count: 6, height: 32, width: 32, channels: 3, classes: classNames });
    let image = 0;
    for (const n of [1, 2, 3]) {
      const planar = batchFile(n, n);
      for (let record = 0; record < n; record++, image++) {
        expect(set.labels[image]).toBe(planar[record * 3073]);
        for (const [y, x, channel] of [
          [0, 0, 0],
          [3, 7, 1],
          [31, 31, 2],
        ] as const)
          expect(set.images[((image * 32 + y) * 32 + x) * 3 + channel]).toBe(
            planar[record * 3073 + 1 + channel * 1024 + y * 32 + x],
          );
      }
    }
  });

  it("reads the test batch, a plain tar, and loose files", async () => {
    const bytes = await archive();
    const test = await readCifar10(source(bytes), "test");
    expect(test.count).toBe(2);
    expect(await readCifar10(source(gunzipSync(bytes)), "test")).toEqual(test);
    const loose = [...archiveFiles()].map(([name, file]) => memorySource(name, file));
    expect(await readCifar10(loose, "test")).toEqual(test);
  });

  it("names file, offset and expectation when a batch is truncated", async () => {
    const bytes = await archiveWith((files) =>
      files.set(`${folder}/data_batch_2.bin`, batchFile(2, 2).subarray(0, 4000)),
    );
    expect(await message(readCifar10(source(bytes), "train"))).toBe(
      "cifar.tar.gz: cifar-10-batches-bin/data_batch_2.bin: the record at byte 3073 has 927 bytes, expected 3073 (a label and 3,072 values)",
    );
  });

  it("names the label that is out of range", async () => {
    const file = batchFile(2, 2);
    file[3073] = 77;
    const bytes = await archiveWith((files) => files.set(`${folder}/data_batch_2.bin`, file));
    expect(await message(readCifar10(source(bytes), "train"))).toBe(
      "cifar.tar.gz: cifar-10-batches-bin/data_batch_2.bin: the label at byte 3073 is 77, expected less than 3",
    );
  });

  it("says what an archive lacks", async () => {
    const noMeta = await archiveWith((files) => files.delete(`${folder}/batches.meta.txt`));
    expect(await message(readCifar10(source(noMeta), "train"))).toContain("has no batches.meta.txt");
    const noTest = await archiveWith((files) => files.delete(`${folder}/test_batch.bin`));
    expect(await message(readCifar10(source(noTest), "test"))).toContain("has no test_batch.bin");
    expect(await message(readCifar10([], "test"))).toContain("has no batches.meta.txt");
  });

  it("says where a truncated archive ends", async () => {
    const bytes = await archive();
    expect(await message(readCifar10(source(bytes.subarray(0, bytes.length >> 1)), "train"))).toMatch(
      /^cifar\.tar\.gz: .*truncated after \d+ unpacked bytes/,
    );
    const tar = gunzipSync(bytes);
    expect(await message(readCifar10(source(tar.subarray(0, 9000)), "train"))).toMatch(
      /truncated after 9000 unpacked bytes/,
    );
  });

  it("refuses other files", async () => {
    for (const bytes of [new Uint8Array(0), Uint8Array.of(7), new TextEncoder().encode("<html>404</html>".repeat(99))])
      await message(readCifar10(source(bytes), "train"));
    expect(await message(readCifar10(fileSource("/nowhere/cifar.tar.gz"), "train"))).toBe(
      "/nowhere/cifar.tar.gz: no such file",
    );
  });

  it("answers any damage with a DataError or a well-formed set", { timeout: 30_000 }, async () => {
    const packed = await archive();
    const tar = gunzipSync(packed);
    for (let round = 0; round < 150; round++) {
      const start = round % 2 === 0 ? packed : tar;
      const bytes = Uint8Array.from(start);
      const flips = 1 + randomInteger(8, round, 0);
      for (let n = 0; n < flips; n++) {
        // Half of the damage goes to the headers, which are small.
        const at = n % 2 ? randomInteger(bytes.length, round, n, 1) : randomInteger(1024, round, n, 1);
        bytes[at]! ^= 1 << randomInteger(8, round, n, 2);
      }
      const cut = randomInteger(4, round, 3) === 0 ? randomInteger(bytes.length, round, 4) : bytes.length;
      const damaged = bytes.subarray(0, cut);
      try {
        const set = await readCifar10(source(round % 3 === 0 ? gzipSync(damaged, { level: 0 }) : damaged), "train");
        expect(set.images.length).toBe(set.count * 3072);
        expect(set.labels.every((label) => label < set.classes.length)).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
      }
    }
  });
});

describe.skipIf(dataIsAbsent("cifar-10-binary.tar.gz"))("the real archive", () => {
  it("holds 5,000 training images of each class", { timeout: 60_000 }, async () => {
    const set = await readCifar10(fileSource(`${dataFolder}/cifar-10-binary.tar.gz`), "train");
    const histogram = new Array<number>(10).fill(0);
    for (const label of set.labels) histogram[label]!++;
    expect(set.count).toBe(50_000);
    expect(histogram).toEqual(new Array(10).fill(5_000));
    expect(set.classes).toContain("frog");
  });
});
