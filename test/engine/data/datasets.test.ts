import { describe, expect, it } from "vitest";
import { datasets } from "../../../engine/data/datasets.ts";
import type { ImageSet } from "../../../engine/data/image-set.ts";
import { memorySource } from "../../../engine/data/memory-source.ts";
import { ConfigError } from "../../../engine/errors.ts";
import { archive } from "./cifar-archive.ts";

const cifar = memorySource("cifar.tar.gz", await archive());

function pictures({ count, images }: ImageSet): string[] {
  return Array.from({ length: count }, (_, n) => images.subarray(n * 3072, n * 3072 + 30).join());
}

describe("data sets", () => {
  it("split by seed into training and validation images that do not overlap", async () => {
    const data = await datasets.cifar10(cifar, { validation: 2 });
    expect([data.train.count, data.validation.count]).toEqual([4, 2]);
    expect(new Set([...pictures(data.train), ...pictures(data.validation)]).size).toBe(6);
    expect(data).toMatchObject({ name: "cifar10", input: [32, 32, 3] });
    expect((await data.test()).count).toBe(2);
    const other = await datasets.cifar10(cifar, { validation: 2, seed: 3 });
    expect(pictures(other.validation)).not.toEqual(pictures(data.validation));
  });

  it("train on all with no validation, or on fewer with a limit", async () => {
    const all = await datasets.cifar10(cifar, { validation: 0 });
    expect([all.train.count, all.validation.count]).toEqual([6, 0]);
    const few = await datasets.cifar10(cifar, { validation: 2, limit: 3 });
    expect([few.train.count, few.validation.count]).toEqual([3, 2]);
    const more = await datasets.cifar10(cifar, { validation: 2 });
    expect(pictures(few.validation)).toEqual(pictures(more.validation));
    expect(pictures(more.train)).toEqual(expect.arrayContaining(pictures(few.train)));
  });

  it("have fingerprints of content and split", async () => {
    const fingerprint = async (options: object) => (await datasets.synthetic({ test: 10, ...options })).fingerprint;
    const first = await fingerprint({ limit: 40, validation: 10 });
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(await fingerprint({ limit: 40, validation: 10 })).toBe(first);
    expect(await fingerprint({ limit: 41, validation: 10 })).not.toBe(first);
    expect(await fingerprint({ limit: 40, validation: 11 })).not.toBe(first);
    expect(await fingerprint({ limit: 40, validation: 10, seed: 1 })).not.toBe(first);
  });

  it("name the option that does not fit", async () => {
    await expect(datasets.cifar10(cifar, { validation: 6 })).rejects.toThrow(
      new ConfigError("cifar10: validation must be an integer from 0 to 5 images, got 6"),
    );
    await expect(datasets.synthetic({ limit: 0 })).rejects.toThrow(
      new ConfigError("synthetic: limit must be a positive integer of training images, got 0"),
    );
  });
});
