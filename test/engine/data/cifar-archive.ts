import { gzipSync } from "fflate";
import { packTar } from "modern-tar";
import { randomInteger } from "../../../engine/random.ts";

export const classNames = ["airplane", "automobile", "bird"];

/** The bytes of a batch file: records of a label and planar RGB, all a function of `seed`. */
export function batchFile(count: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(count * 3073);
  for (let at = 0; at < bytes.length; at++)
    bytes[at] = at % 3073 === 0 ? randomInteger(classNames.length, seed, at) : randomInteger(256, seed, at);
  return bytes;
}

export function archiveFiles(): Map<string, Uint8Array> {
  const folder = "cifar-10-batches-bin";
  const files = new Map<string, Uint8Array>();
  files.set(`${folder}/batches.meta.txt`, new TextEncoder().encode(`${classNames.join("\n")}\n\n`));
  for (const n of [3, 1, 2]) files.set(`${folder}/data_batch_${n}.bin`, batchFile(n, n));
  files.set(`${folder}/readme.html`, new TextEncoder().encode("<a>"));
  files.set(`${folder}/test_batch.bin`, batchFile(2, 9));
  return files;
}

/** A gzipped tar like the official one. */
export async function archive(files = archiveFiles()): Promise<Uint8Array> {
  const entries = [...files].map(([name, body]) => ({ header: { name, size: body.length }, body }));
  return gzipSync(await packTar(entries), { level: 1, mtime: 0 });
}
