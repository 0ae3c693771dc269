import { DataError, FinchError } from "../errors.ts";
import type { Source } from "./image-set.ts";

/** More than any file that the readers here take; guards against decompression bombs. */
const maxUnpackedBytes = 2 ** 30;

/** Bytes that have come out of a stream so far. */
export interface Progress {
  bytes: number;
}

/**
 * The bytes of a source, unpacked when they begin as gzip does.
 *
 * @throws DataError through the stream: unreadable, damaged or larger than `limit` bytes when unpacked
 */
export async function unpackedStream(
  source: Source,
  limit: number = maxUnpackedBytes,
  progress: Progress = { bytes: 0 },
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const reader = source.stream().getReader();
  const first: Uint8Array<ArrayBuffer>[] = [];
  let peeked = 0;
  while (peeked < 2) {
    const { done, value } = await asDataError(source, progress, () => reader.read());
    if (done) break;
    first.push(value);
    peeked += value.length;
  }
  const magic = [...first.flatMap((chunk) => [...chunk.subarray(0, 2)])];
  const raw = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const chunk = first.shift();
      if (chunk !== undefined) return controller.enqueue(chunk);
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  const unpacked = (
    magic[0] === 0x1f && magic[1] === 0x8b ? raw.pipeThrough(new DecompressionStream("gzip")) : raw
  ).getReader();
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const { done, value } = await asDataError(source, progress, () => unpacked.read());
      if (done) return controller.close();
      progress.bytes += value.length;
      if (progress.bytes > limit)
        throw new DataError(`${source.name}: holds more than ${limit} bytes when unpacked, which is the limit`);
      controller.enqueue(value as Uint8Array<ArrayBuffer>);
    },
    cancel: (reason) => unpacked.cancel(reason),
  });
}

/** All bytes of a source, unpacked. @throws DataError when it is unreadable, damaged or larger than `limit` */
export async function readBytes(source: Source, limit: number = maxUnpackedBytes): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for await (const chunk of await unpackedStream(source, limit)) {
    chunks.push(chunk);
    length += chunk.length;
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/** Runs one step of reading and turns what the platform throws into one sentence. */
export async function asDataError<T>(source: Source, progress: Progress, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof FinchError) throw error;
    const cause = error instanceof Error ? error.message.replace(/\.$/, "") : String(error);
    throw new DataError(
      `${source.name}: damaged or truncated after ${progress.bytes} unpacked bytes, expected more data: ${cause}`,
      { cause: error },
    );
  }
}
