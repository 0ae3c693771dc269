import { createHash } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { datasheetSchema } from "../codegen/package/datasheet/schema.ts";
import type { FullPackage } from "../codegen/package/package.ts";
import { ConfigError } from "../engine/errors.ts";
import { writeFileAtomically } from "../engine/io-node/atomic-write.ts";
import { makeFolder } from "../engine/io-node/make-folder.ts";

/** What is read of the data sheet of a package that is to be written over, by whichever version it was written. */
const writtenSchema = z.object({ identity: datasheetSchema.shape.identity.pick({ files: true }) });

export type WrittenSheet = z.output<typeof writtenSchema>;

/** That of the package which a folder holds already. */
export async function oldSheet(folder: string): Promise<WrittenSheet | undefined> {
  const text = await readFile(join(folder, "extras/datasheet.json"), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return writtenSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** @throws ConfigError when the folder holds what Finch did not write, or what was changed since */
export async function checkUntouched(folder: string, old: WrittenSheet | undefined): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  if (names.length === 0) return;
  if (old === undefined)
    throw new ConfigError(`${folder}: is not empty and holds no package of Finch; --force writes into it`);
  for (const { path, sha256 } of old.identity.files) {
    const content = await readFile(join(folder, path)).catch(() => undefined);
    if (content !== undefined && createHash("sha256").update(content).digest("hex") !== sha256)
      throw new ConfigError(`${join(folder, path)}: was changed since Finch wrote it; --force writes over it`);
  }
}

/** Writes files of a package, and removes those of the old one that it has no more. */
export async function writePackage(
  folder: string,
  { files }: FullPackage,
  old: WrittenSheet | undefined,
): Promise<void> {
  for (const { path, content } of files) {
    await makeFolder(dirname(join(folder, path)));
    await writeFileAtomically(join(folder, path), content);
  }
  const current = new Set(files.map(({ path }) => path));
  for (const { path } of old?.identity.files ?? [])
    if (!current.has(path) && !path.split("/").includes("..")) await rm(join(folder, path), { force: true });
}
