import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ConfigError } from "../../engine/errors.ts";

/**
 * Keeps other processes from a run folder until it is released or the process ends, however it ends: an exclusive
 * SQLite lock on a file of its own, so that readers of the store are not kept out.
 * @throws ConfigError when another process has it
 */
export function lockRun(folder: string): { release: () => void } {
  const database = new DatabaseSync(join(folder, "lock.sqlite"), { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode !== sqliteBusy) throw error;
    throw new ConfigError(`${folder}: another process is working on this run: wait for it or choose another --out`);
  }
  return { release: () => database.close() };
}

const sqliteBusy = 5;
