import { createTarDecoder, type ParsedTarEntry } from "modern-tar";
import { DataError } from "../errors.ts";
import type { ImageSet, Source } from "./image-set.ts";
import { joinSets } from "./select.ts";
import { asDataError, readBytes, unpackedStream, type Progress } from "./source-bytes.ts";

const height = 32;
const width = 32;
const pixels = height * width;
const recordBytes = 1 + 3 * pixels;
const maxFileBytes = 100_000 * recordBytes;
const maxMetaBytes = 65_536;

/** `cifar-10-binary.tar.gz` (or its `.tar`), or the files that were unpacked from it. */
export type Cifar10Source = Source | readonly Source[];

export type Cifar10Part = "train" | "test";

const partPattern: Record<Cifar10Part, RegExp> = { train: /^data_batch_\d+\.bin$/, test: /^test_batch\.bin$/ };
const metaName = "batches.meta.txt";

/**
 * Reads the official binary layout (Krizhevsky 2009): records of one label byte and 3,072 planar RGB bytes; class
 * names, one a line, in batches.meta.txt. Record counts come from the sizes of the files, which are taken in the
 * order of their names.
 *
 * @throws DataError when the data is damaged, truncated, of another layout, or lacks a file
 */
export async function readCifar10(source: Cifar10Source, part: Cifar10Part): Promise<ImageSet> {
  const where = isSource(source) ? source.name : (source[0]?.name ?? "CIFAR-10");
  const batches: File[] = [];
  let meta: File | undefined;
  for await (const file of isSource(source) ? archiveFiles(source, part) : looseFiles(source, part)) {
    if (baseName(file.name) === metaName) meta = file;
    else batches.push(file);
  }
  if (meta === undefined) throw new DataError(`${where}: has no ${metaName}, expected the binary layout of CIFAR-10`);
  if (batches.length === 0)
    throw new DataError(
      `${where}: has no ${part === "train" ? "data_batch_N.bin" : "test_batch.bin"}, expected the binary layout of CIFAR-10`,
    );
  const classes = classNames(meta);
  batches.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return joinSets(batches.map((file) => decodeRecords(file, classes)));
}

interface File {
  readonly name: string;
  readonly bytes: Uint8Array;
}

function isSource(source: Cifar10Source): source is Source {
  return "stream" in source;
}

function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

function wanted(name: string, part: Cifar10Part): boolean {
  const base = baseName(name);
  return base === metaName || partPattern[part].test(base);
}

async function* looseFiles(sources: readonly Source[], part: Cifar10Part): AsyncGenerator<File> {
  for (const source of sources)
    if (wanted(source.name, part)) yield { name: source.name, bytes: await readBytes(source, maxFileBytes) };
}

async function* archiveFiles(source: Source, part: Cifar10Part): AsyncGenerator<File> {
  const progress: Progress = { bytes: 0 };
  const entries = (await unpackedStream(source, undefined, progress))
    .pipeThrough(createTarDecoder({ strict: true }))
    .getReader();
  try {
    for (;;) {
      const { done, value: entry } = await asDataError(source, progress, () => entries.read());
      if (done) return;
      if (wanted(entry.header.name, part)) yield await readEntry(source, entry, progress);
      else await asDataError(source, progress, () => entry.body.pipeTo(new WritableStream()));
    }
  } finally {
    await entries.cancel().catch(() => undefined);
  }
}

async function readEntry(source: Source, entry: ParsedTarEntry, progress: Progress): Promise<File> {
  const name = `${source.name}: ${entry.header.name}`;
  const limit = baseName(name) === metaName ? maxMetaBytes : maxFileBytes;
  if (entry.header.size > limit)
    throw new DataError(`${name}: is said to have ${entry.header.size} bytes, expected at most ${limit}`);
  const bytes = new Uint8Array(entry.header.size);
  const reader = entry.body.getReader();
  let filled = 0;
  for (;;) {
    const { done, value } = await asDataError({ ...source, name }, progress, () => reader.read());
    if (done) break;
    bytes.set(value, filled);
    filled += value.length;
  }
  if (filled < bytes.length) throw new DataError(`${name}: ends after ${filled} bytes, expected ${bytes.length}`);
  return { name, bytes };
}

function classNames(meta: File): readonly string[] {
  const names = new TextDecoder()
    .decode(meta.bytes)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  if (names.length === 0 || names.length > 256)
    throw new DataError(`${meta.name}: has ${names.length} class names, expected one a line, 1 to 256`);
  return names;
}

function decodeRecords({ name, bytes }: File, classes: readonly string[]): ImageSet {
  const count = Math.floor(bytes.length / recordBytes);
  const rest = bytes.length - count * recordBytes;
  if (rest !== 0 || count === 0)
    throw new DataError(
      `${name}: the record at byte ${count * recordBytes} has ${rest} bytes, expected ${recordBytes} (a label and 3,072 values)`,
    );
  const images = new Uint8Array(count * 3 * pixels);
  const labels = new Uint8Array(count);
  for (let record = 0; record < count; record++) {
    const start = record * recordBytes;
    const label = bytes[start]!;
    if (label >= classes.length)
      throw new DataError(`${name}: the label at byte ${start} is ${label}, expected less than ${classes.length}`);
    labels[record] = label;
    const red = start + 1;
    const green = red + pixels;
    const blue = green + pixels;
    let to = record * 3 * pixels;
    for (let pixel = 0; pixel < pixels; pixel++) {
      images[to++] = bytes[red + pixel]!;
      images[to++] = bytes[green + pixel]!;
      images[to++] = bytes[blue + pixel]!;
    }
  }
  return { count, height, width, channels: 3, classes, images, labels };
}
