import { existsSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError, DataError } from "../errors.ts";
import {
  datasets as fromSources,
  type DataSetOptions,
  type IdxSource,
  type SyntheticOptions,
} from "../data/datasets.ts";
import type { Cifar10Source } from "../data/cifar10.ts";
import type { DataSet, Source } from "../data/image-set.ts";
import { fileSource } from "./file-source.ts";
import { imageFolder, type ImageFolderOptions } from "./image-folder.ts";

const archiveName = "cifar-10-binary.tar.gz";
const cifarFolder = "cifar-10-batches-bin";

/** Data sets by path (or from sources, as in `engine/data`). */
export const datasets = {
  /**
   * @param where `cifar-10-binary.tar.gz`, a folder that holds it, or the folder of its unpacked files
   * @throws DataError when it is not there or damaged, ConfigError when the options do not fit
   */
  async cifar10(where: string | Cifar10Source, options?: DataSetOptions): Promise<DataSet> {
    return fromSources.cifar10(typeof where === "string" ? await findCifar10(where) : where, options);
  },

  /** @param where the folder of the four IDX files, or a folder that holds it as `mnist` */
  async mnist(where: string | IdxSource, options?: DataSetOptions): Promise<DataSet> {
    return fromSources.mnist(typeof where === "string" ? findMnist(where) : where, options);
  },

  /** @param where a folder with one sub-folder of PNG and JPEG files per class, or with such ones in `train` and others */
  folder: (where: string, options?: ImageFolderOptions): Promise<DataSet> => imageFolder(where, options),

  synthetic: (options?: SyntheticOptions): Promise<DataSet> => fromSources.synthetic(options),
};

export const dataSetNames = ["cifar10", "mnist", "folder", "synthetic"] as const;
export type DataSetName = (typeof dataSetNames)[number];

/**
 * Opens a data set by its name.
 *
 * @param folder where data lies; needed for all but `synthetic`
 * @throws ConfigError for an unknown name or a missing folder, DataError when the data is absent or damaged
 */
export async function openDataSet(
  name: string,
  folder: string | undefined,
  options: ImageFolderOptions = {},
): Promise<DataSet> {
  if (!dataSetNames.includes(name as DataSetName))
    throw new ConfigError(`data: unknown data set "${name}", expected ${dataSetNames.join(", ")}`);
  if (name !== "folder" && options.imageSize !== undefined)
    throw new ConfigError(`data: the images of ${name} have a size of their own; only those of a folder are resized`);
  if (name === "synthetic") return datasets.synthetic(options);
  if (folder === undefined)
    throw new ConfigError(`data: ${name} needs a folder to read from: give --data-dir or set FINCH_DATA`);
  if (name === "folder") return datasets.folder(folder, options);
  return name === "mnist" ? datasets.mnist(folder, options) : datasets.cifar10(folder, options);
}

async function findCifar10(path: string): Promise<Cifar10Source> {
  if (!existsSync(path)) throw new DataError(`${path}: no such file or folder, expected ${archiveName}`);
  if (!statSync(path).isDirectory()) return fileSource(path);
  if (existsSync(join(path, archiveName))) return fileSource(join(path, archiveName));
  for (const folder of [path, join(path, cifarFolder)])
    if (existsSync(join(folder, "batches.meta.txt")))
      return (await readdir(folder)).map((file) => fileSource(join(folder, file)));
  throw new DataError(`${path}: holds neither ${archiveName} nor ${cifarFolder}, expected one of them`);
}

function findMnist(path: string): IdxSource {
  const folder = [join(path, "mnist"), path].find((candidate) => existsSync(candidate));
  if (folder === undefined) throw new DataError(`${path}: no such folder, expected the four IDX files of MNIST`);
  return {
    train: { images: idxFile(folder, "train-images", 3), labels: idxFile(folder, "train-labels", 1) },
    test: { images: idxFile(folder, "t10k-images", 3), labels: idxFile(folder, "t10k-labels", 1) },
  };
}

function idxFile(folder: string, name: string, rank: number): Source {
  const base = `${name}-idx${rank}-ubyte`;
  const names = [base, `${base}.gz`, `${name}.idx${rank}-ubyte`, `${name}.idx${rank}-ubyte.gz`];
  const found = names.find((file) => existsSync(join(folder, file)));
  if (found === undefined) throw new DataError(`${folder}: has no ${base}.gz, expected the four IDX files of MNIST`);
  return fileSource(join(folder, found));
}
