import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { DataError } from "../errors.ts";

/**
 * Makes a folder, and those above it where they are missing. `mkdir` of Node never ends when told to do so where the
 * system denies a folder within one that is there, as below /proc.
 * @throws DataError when it cannot be made
 */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await makeWithParents(folder);
  } catch (error) {
    throw new DataError(`${folder}: could not be made: ${(error as Error).message}`);
  }
}

async function makeWithParents(folder: string): Promise<void> {
  if (await isFolder(folder)) return;
  const parent = dirname(folder);
  if (parent !== folder) await makeWithParents(parent);
  await mkdir(folder).catch(async (error: NodeJS.ErrnoException) => {
    // Another process may have been faster.
    if (await isFolder(folder)) return;
    throw error.code === "EEXIST" ? new Error(`${folder} is not a folder`) : error;
  });
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() ?? false;
}
