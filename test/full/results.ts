import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { circumstances } from "../../bench/circumstances.ts";
import { writeFileAtomically } from "../../engine/io-node/atomic-write.ts";

const folder = resolve(import.meta.dirname, "../../docs/results");

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
