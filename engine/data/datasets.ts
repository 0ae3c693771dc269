import { ConfigError } from "../errors.ts";
import { randomPermutation, streams } from "../random.ts";
import { sha256 } from "../sha256.ts";
import { readCifar10, type Cifar10Source } from "./cifar10.ts";
import { readIdxImages, type IdxPair } from "./idx.ts";
import type { DataSet, ImageSet } from "./image-set.ts";
import { measureNormalization } from "./normalization.ts";
import { selectImages } from "./select.ts";
import { syntheticClasses, syntheticImages } from "./synthetic.ts";

export interface DataSetOptions {
  /** At most so many training images; default all. */
  readonly limit?: number;
  /** Images held back for validation; 0 trains on all. Default 5,000 but at most a tenth (synthetic: 2,000). */
  readonly validation?: number;
  /** Of the split; of the pictures themselves for the synthetic set. Default 0. */
  readonly seed?: number;
}

export interface SyntheticOptions extends DataSetOptions {
  /** Test images; default 2,000. */
  readonly test?: number;
}

/** The four files of an IDX data set. */
export interface IdxSource {
  readonly train: IdxPair;
  readonly test: IdxPair;
}

const defaultValidation = 5_000;
const syntheticDefaults = { limit: 20_000, validation: 2_000, test: 2_000, seed: 0 };
/** The parts of the synthetic set begin this far apart. */
const syntheticStride = 1_000_000_000;

/** Data sets from bytes, wherever they come from; `engine/io-node` opens them by path. */
export const datasets = {
  /**
   * CIFAR-10 from `cifar-10-binary.tar.gz` or its unpacked files: 45,000 images train and 5,000 validate by default.
   *
   * @throws DataError when the data is damaged, ConfigError when the options do not fit it
   */
  async cifar10(source: Cifar10Source, options: DataSetOptions = {}): Promise<DataSet> {
    const all = await readCifar10(source, "train");
    return splitDataSet("cifar10", all, () => readCifar10(source, "test"), options);
  },

  /** MNIST, or any data in its layout: 28×28×1 bytes in IDX files, gzipped or not. @throws as cifar10 does */
  async mnist(source: IdxSource, options: DataSetOptions = {}): Promise<DataSet> {
    const all = await readIdxImages(source.train);
    return splitDataSet("mnist", all, () => readIdxImages(source.test, all.classes), options);
  },

  /** The built-in synthetic set: nothing to download; by default 20,000 images train and 2,000 validate. */
  async synthetic(options: SyntheticOptions = {}): Promise<DataSet> {
    const { limit, validation, test, seed } = { ...syntheticDefaults, ...withoutUndefined(options) };
    checkCounts("synthetic", limit, validation, 3 * syntheticStride);
    const train = syntheticImages(limit, seed);
    return createDataSet(
      "synthetic",
      train,
      syntheticImages(validation, seed, syntheticStride),
      async () => syntheticImages(test, seed, 2 * syntheticStride),
      { seed, limit, validation, classes: syntheticClasses, content: await contentHash(train) },
    );
  },
};

async function splitDataSet(
  name: string,
  all: ImageSet,
  test: () => Promise<ImageSet>,
  options: DataSetOptions,
): Promise<DataSet> {
  const { train, validation, identity } = splitIndices(name, all.count, options);
  const content = contentHash(all);
  return createDataSet(name, selectImages(all, train), selectImages(all, validation), test, {
    ...identity,
    classes: all.classes,
    content: await content,
  });
}

/** Which of `count` images train and which are held back, in ascending order. @throws ConfigError */
export function splitIndices(
  name: string,
  count: number,
  options: DataSetOptions,
): {
  readonly train: Uint32Array;
  readonly validation: Uint32Array;
  readonly identity: Required<DataSetOptions>;
} {
  const { validation = Math.min(defaultValidation, Math.floor(count / 10)), seed = 0 } = options;
  const limit = Math.min(options.limit ?? count, count - validation);
  checkCounts(name, limit, validation, count);
  const order = randomPermutation(count, seed, streams.split);
  return {
    train: order.slice(validation, validation + limit).sort(),
    validation: order.slice(0, validation).sort(),
    identity: { seed, limit, validation },
  };
}

/** @param identity what tells this data from other data: the fingerprint is made of it */
export async function createDataSet(
  name: string,
  train: ImageSet,
  validation: ImageSet,
  readTest: () => Promise<ImageSet>,
  identity: object,
): Promise<DataSet> {
  let test: Promise<ImageSet> | undefined;
  return {
    name,
    classes: train.classes,
    input: [train.height, train.width, train.channels],
    train,
    validation,
    test: () => (test ??= readTest()),
    normalization: measureNormalization(train),
    fingerprint: await sha256(new TextEncoder().encode(JSON.stringify({ name, ...identity }))),
  };
}

function checkCounts(name: string, limit: number, validation: number, available: number): void {
  if (!Number.isInteger(validation) || validation < 0 || validation >= available)
    throw new ConfigError(
      `${name}: validation must be an integer from 0 to ${available - 1} images, got ${validation}`,
    );
  if (!Number.isInteger(limit) || limit < 1)
    throw new ConfigError(`${name}: limit must be a positive integer of training images, got ${limit}`);
}

function withoutUndefined<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}

async function contentHash(set: ImageSet): Promise<string> {
  return `${await sha256(set.images)}${await sha256(set.labels)}`;
}
