import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError, DataError } from "../../../engine/errors.ts";
import { datasets, openDataSet } from "../../../engine/io-node/datasets.ts";
import { dataFolder, dataIsAbsent } from "../../data-folder.ts";
import { archive, archiveFiles } from "../data/cifar-archive.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "finch-data-"));
  await writeFile(join(folder, "cifar-10-binary.tar.gz"), await archive());
  await mkdir(join(folder, "unpacked", "cifar-10-batches-bin"), { recursive: true });
  for (const [name, bytes] of archiveFiles())
    await writeFile(join(folder, "unpacked", "cifar-10-batches-bin", basename(name)), bytes);
});

afterAll(() => rm(folder, { recursive: true }));

describe("CIFAR-10 by path", () => {
  it("is the same from the archive, its folder and the unpacked files", async () => {
    const data = await datasets.cifar10(join(folder, "cifar-10-binary.tar.gz"));
    for (const where of [folder, join(folder, "unpacked"), join(folder, "unpacked", "cifar-10-batches-bin")])
      expect((await datasets.cifar10(where)).fingerprint).toBe(data.fingerprint);
  });

  it("says what a folder lacks", async () => {
    await expect(datasets.cifar10(join(folder, "none"))).rejects.toThrow(DataError);
    const empty = join(folder, "empty");
    await mkdir(empty);
    await expect(datasets.cifar10(empty)).rejects.toThrow(
      `${empty}: holds neither cifar-10-binary.tar.gz nor cifar-10-batches-bin, expected one of them`,
    );
    await expect(datasets.mnist(empty)).rejects.toThrow(
      `${empty}: has no train-images-idx3-ubyte.gz, expected the four IDX files of MNIST`,
    );
  });
});

describe("openDataSet", () => {
  it("opens by name and refuses what it does not know", async () => {
    expect((await openDataSet("synthetic", undefined, { limit: 20, validation: 10 })).train.count).toBe(20);
    expect((await openDataSet("cifar10", folder)).name).toBe("cifar10");
    await expect(openDataSet("imagenet", folder)).rejects.toThrow(ConfigError);
    await expect(openDataSet("mnist", undefined)).rejects.toThrow("give --data-dir or set FINCH_DATA");
  });
});

describe.skipIf(dataIsAbsent("mnist"))("the real MNIST", () => {
  it("has 28×28×1 digits", async () => {
    const data = await datasets.mnist(dataFolder);
    expect(data).toMatchObject({ input: [28, 28, 1], train: { count: 55_000 }, validation: { count: 5_000 } });
    expect((await data.test()).count).toBe(3_000);
    expect(data.normalization.mean[0]).toBeCloseTo(0.1307, 3);
  });
});
