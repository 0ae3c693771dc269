import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { ToolError } from "../../engine/errors.ts";
import { makeFolder } from "../../engine/io-node/make-folder.ts";

const sqliteBusy = 5;

/**
 * Runs `work` while no other process (nor other call in this one) holds the lock of that file. The lock is an open
 * SQLite transaction, which the operating system releases when its holder dies.
 *
 * @throws ToolError when the lock is not free within `timeoutSeconds` (default 1,800).
 */
export async function withFileLock<T>(
  file: string,
  work: () => Promise<T>,
  { timeoutSeconds = 1800, onWait }: { timeoutSeconds?: number; onWait?: () => void } = {},
): Promise<T> {
  await makeFolder(dirname(file));
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    const giveUp = Date.now() + timeoutSeconds * 1000;
    let waited = false;
    while (!tryExclusive(database)) {
      if (!waited) onWait?.();
      waited = true;
      if (Date.now() > giveUp) throw new ToolError(`${file} has been locked for ${timeoutSeconds} seconds`);
      await sleep(100);
    }
    return await work();
  } finally {
    database.close();
  }
}

function tryExclusive(database: DatabaseSync): boolean {
  try {
    database.exec("BEGIN EXCLUSIVE");
    return true;
  } catch (error) {
    if (error instanceof Error && "errcode" in error && error.errcode === sqliteBusy) return false;
    throw error;
  }
}
