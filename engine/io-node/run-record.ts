import { hostname } from "node:os";
import { join } from "node:path";
import { version } from "../version.ts";
import { writeFileAtomically } from "./atomic-write.ts";
import { runFiles } from "./checkpoint-file.ts";

export interface RunRecordOptions {
  readonly kind: "train" | "search";
  /** Words of the command that started it. */
  readonly command: readonly string[] | undefined;
}

/**
 * Writes `run.json` of a run folder: what runs there since when, where and how far it is. Each call of the result
 * replaces the file. `details` are what this kind of run adds.
 */
export function runRecord(
  folder: string,
  { kind, command }: RunRecordOptions,
): (status: string, seed: unknown, details: object) => Promise<void> {
  const started = new Date().toISOString();
  return (status, seed, details) => {
    const record = {
      schemaVersion: 1,
      kind,
      command: command ?? null,
      status,
      started,
      updated: new Date().toISOString(),
      seed,
      versions: { finch: version, node: process.version },
      host: { name: hostname(), platform: process.platform, architecture: process.arch },
      ...details,
    };
    return writeFileAtomically(join(folder, runFiles.run), `${JSON.stringify(record, null, 2)}\n`);
  };
}
