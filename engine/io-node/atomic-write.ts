import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { threadId } from "node:worker_threads";
import { DataError } from "../errors.ts";

/**
 * Writes a file so that a crash, a kill or a full disk leaves either the old content or the new: to a temporary file
 * beside it, synced, then renamed.
 * @throws DataError when the file cannot be written; the old file is intact then
 */
export async function writeFileAtomically(path: string, content: Uint8Array | string): Promise<void> {
  const temporary = `${path}.${process.pid}-${threadId}.tmp`;
  let file: FileHandle | undefined;
  try {
    file = await open(temporary, "w");
    await file.writeFile(content);
    await file.sync();
    await file.close();
    file = undefined;
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await file?.close().catch(() => undefined);
    await rm(temporary, { force: true });
    const { code, message } = error as NodeJS.ErrnoException;
    const reason =
      code === "ENOSPC" ? "the disk is full" : code === "EFBIG" ? "the file-size limit is reached" : message;
    throw new DataError(`${path}: could not be written: ${reason}; the previous file is unchanged`);
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
