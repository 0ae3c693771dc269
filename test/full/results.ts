import { mkdir } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { join, resolve } from "node:path";
import { writeFileAtomically } from "../../engine/io-node/atomic-write.ts";
import { version } from "../../engine/version.ts";

const folder = resolve(import.meta.dirname, "../../docs/results");

/** Where and with what a result was measured. */
export function circumstances(): Record<string, string | number> {
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    node: process.version,
    finch: version,
  };
}

/** Keeps a document in docs/results, to be committed. */
export async function saveDocument(name: string, text: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFileAtomically(join(folder, name), text);
}

/** Keeps a measurement in docs/results, to be committed. */
export async function saveResult(name: string, command: string, result: object): Promise<void> {
  const document = { ...circumstances(), command, ...result };
  await saveDocument(`${name}.json`, JSON.stringify(document, null, 2) + "\n");
}
