import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../errors.ts";
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from "../train/checkpoint.ts";
import { writeFileAtomically } from "./atomic-write.ts";

const largestCheckpoint = 2 ** 30;

/** Replaces the file only once the new content is safe on disk. @throws DataError */
export async function saveCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  await writeFileAtomically(path, await encodeCheckpoint(checkpoint));
}

/** The bytes of a checkpoint or network. @throws DataError when the file is missing or too large */
export async function readModelFile(path: string): Promise<Uint8Array> {
  const size = (await stat(path).catch(() => undefined))?.size;
  if (size === undefined) throw new DataError(`${path}: there is no such checkpoint`);
  if (size > largestCheckpoint)
    throw new DataError(`${path}: has ${size} bytes, a checkpoint has at most ${largestCheckpoint}`);
  return readFile(path);
}

/** @throws DataError when the file is missing, too large, no checkpoint, or damaged */
export async function loadCheckpoint(path: string): Promise<Checkpoint> {
  return decodeCheckpoint(await readModelFile(path), path);
}

/** Files of a training run's folder. */
export const runFiles = { last: "last.finch", best: "best.finch", run: "run.json" } as const;

/** A checkpoint file, or the best (else the last) checkpoint of a run folder. @throws DataError */
export async function findCheckpoint(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new DataError(`${path}: there is no such file or run folder`);
  if (found.isFile()) return path;
  for (const name of [runFiles.best, runFiles.last, join("models", runFiles.best)]) {
    const candidate = join(path, name);
    if (await stat(candidate).catch(() => undefined)) return candidate;
  }
  throw new DataError(`${path}: holds no ${runFiles.best} and no ${runFiles.last}: train into it first`);
}
