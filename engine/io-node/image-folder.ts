import { existsSync, statSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { extname, join, relative, sep } from "node:path";
import { createDataSet, splitIndices, type DataSetOptions } from "../data/datasets.ts";
import type { DataSet, ImageSet } from "../data/image-set.ts";
import { ConfigError, DataError } from "../errors.ts";
import { sha256 } from "../sha256.ts";
import { loadSharp, readImage } from "./read-image.ts";

export interface ImageFolderOptions extends DataSetOptions {
  /** Images become squares of so many pixels: scaled to cover them, then cropped at the centre. Default 32. */
  readonly imageSize?: number;
  readonly onProgress?: (decoded: number, total: number) => void;
  /** Told in one sentence what was left out. */
  readonly onNote?: (note: string) => void;
}

const defaultImageSize = 32;
const channels = 3;
/** Pixels of all decoded images together. */
const memoryLimit = 2 ** 31;
/** Labels are bytes. */
const mostClasses = 256;
const extensions: ReadonlySet<string> = new Set([".png", ".jpg", ".jpeg"]);

/** Files of one tree of classes, in the order of class and name. */
interface Tree {
  readonly folder: string;
  readonly files: readonly { readonly path: string; readonly label: number }[];
}

/**
 * PNG and JPEG files in one sub-folder per class, whose names are the classes. `folder/train` with such sub-folders is
 * trained on, and `folder/validation` and `folder/test` measured on; without `folder/validation`, images of the training
 * ones are held back. All images are decoded once and kept in memory, RGB.
 *
 * @throws DataError for a folder or file that cannot be used, ConfigError when the options do not fit, ToolError when
 * sharp is not installed
 */
export async function imageFolder(folder: string, options: ImageFolderOptions = {}): Promise<DataSet> {
  const { imageSize = defaultImageSize, onNote = () => undefined } = options;
  await loadSharp();
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new DataError(`${folder}: no such folder, expected one with a sub-folder per class`);
  const split = (await subFolders(join(folder, "train"))).length > 0;
  const trainFolder = split ? join(folder, "train") : folder;
  const classes = await classesIn(trainFolder);
  const all = await listTree(trainFolder, classes, onNote);
  for (const [label, name] of classes.entries())
    if (!all.files.some((file) => file.label === label))
      throw new DataError(`${join(trainFolder, name)}: holds no PNG or JPEG images`);

  const heldBack = split && existsSync(join(folder, "validation"));
  if (heldBack && options.validation !== undefined)
    throw new ConfigError(
      `folder: the validation images are those of ${join(folder, "validation")}; leave their number out`,
    );
  const indices = splitIndices("folder", all.files.length, heldBack ? { ...options, validation: 0 } : options);
  const chosen = (files: Uint32Array): Tree => ({ ...all, files: Array.from(files, (index) => all.files[index]!) });
  const parts = [
    chosen(indices.train),
    heldBack ? await listTree(join(folder, "validation"), classes, onNote) : chosen(indices.validation),
  ];
  const reader = new Reader(folder, classes, imageSize, options.onProgress);
  reader.expect(parts);
  const train = await reader.read(parts[0]!);
  const validation = await reader.read(parts[1]!);
  const readTest = async (): Promise<ImageSet> => {
    if (!split || !existsSync(join(folder, "test")))
      throw new DataError(`${folder}: has no test images, expected train and test beside each other in it`);
    const test = await listTree(join(folder, "test"), classes, onNote);
    reader.expect([test]);
    return (await reader.read(test)).set;
  };
  const { seed, limit, validation: count } = indices.identity;
  const identity = { seed, limit, validation: heldBack ? "folder" : count, classes, imageSize };
  const content = await sha256(new TextEncoder().encode(train.digest + validation.digest));
  return createDataSet("folder", train.set, validation.set, readTest, { ...identity, content });
}

async function subFolders(folder: string): Promise<string[]> {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map(({ name }) => name)
    .sort();
}

async function classesIn(folder: string): Promise<string[]> {
  const classes = await subFolders(folder);
  if (classes.length < 2)
    throw new DataError(
      `${folder}: has ${classes.length === 0 ? "no sub-folders" : `one sub-folder, ${classes[0]}`}, expected one for each of two or more classes`,
    );
  if (classes.length > mostClasses)
    throw new DataError(`${folder}: has ${classes.length} sub-folders, expected at most ${mostClasses} classes`);
  return classes;
}

async function listTree(folder: string, classes: readonly string[], onNote: (note: string) => void): Promise<Tree> {
  const files: { path: string; label: number }[] = [];
  const ignored: string[] = [];
  for (const name of await subFolders(folder)) {
    const label = classes.indexOf(name);
    if (label < 0) throw new DataError(`${join(folder, name)}: there is no class ${name} among the training images`);
    const entries = await readdir(join(folder, name), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (entry.name.startsWith(".")) continue;
      const path = join(folder, name, entry.name);
      if (!entry.isDirectory() && extensions.has(extname(entry.name).toLowerCase())) files.push({ path, label });
      else ignored.push(path);
    }
  }
  if (ignored.length > 0)
    onNote(
      `${folder}: ${ignored.length} ${ignored.length === 1 ? "entry is" : "entries are"} no PNG or JPEG image and left out: ` +
        ignored
          .slice(0, 3)
          .map((path) => relative(folder, path))
          .join(", ") +
        (ignored.length > 3 ? ", …" : ""),
    );
  return { folder, files };
}

/** Decodes the files of one data set. */
class Reader {
  readonly #root: string;
  readonly #classes: readonly string[];
  readonly #size: number;
  readonly #onProgress: (decoded: number, total: number) => void;
  #decoded = 0;
  #total = 0;

  constructor(
    root: string,
    classes: readonly string[],
    size: number,
    onProgress: (decoded: number, total: number) => void = () => undefined,
  ) {
    this.#root = root;
    this.#classes = classes;
    this.#size = size;
    this.#onProgress = onProgress;
  }

  /** @throws DataError when the images of these trees do not fit in memory */
  expect(trees: readonly Tree[]): void {
    this.#decoded = 0;
    this.#total = trees.reduce((sum, { files }) => sum + files.length, 0);
    const bytes = this.#total * this.#imageBytes;
    if (bytes > memoryLimit)
      throw new DataError(
        `${this.#root}: ${this.#total} images of ${this.#size}×${this.#size}×${channels} need ${(bytes / 2 ** 30).toFixed(1)} GiB, ` +
          `expected at most ${memoryLimit / 2 ** 30} GiB: take smaller images or fewer`,
      );
  }

  /** The images of a tree, and a digest of the names and bytes of its files. */
  async read({ files }: Tree): Promise<{ readonly set: ImageSet; readonly digest: string }> {
    const images = new Uint8Array(files.length * this.#imageBytes);
    const labels = Uint8Array.from(files, ({ label }) => label);
    const digests = new Array<string>(files.length);
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < files.length) {
        const index = next++;
        digests[index] = await this.#decode(files[index]!.path, images, index);
        this.#onProgress(++this.#decoded, this.#total);
      }
    };
    await Promise.all(Array.from({ length: 2 * availableParallelism() }, worker));
    const size = this.#size;
    const set = { count: files.length, height: size, width: size, channels, classes: this.#classes, images, labels };
    return { set, digest: await sha256(new TextEncoder().encode(digests.join("\n"))) };
  }

  get #imageBytes(): number {
    return this.#size * this.#size * channels;
  }

  async #decode(path: string, images: Uint8Array, index: number): Promise<string> {
    const file = await readFile(path).catch((error: Error) => {
      throw new DataError(`${path}: cannot be read: ${error.message}`);
    });
    const size = [this.#size, this.#size, channels] as const;
    images.set(await readImage(path, size, { fit: "cover", file }), index * this.#imageBytes);
    return `${relative(this.#root, path).split(sep).join("/")} ${await sha256(file)}`;
  }
}
