import { mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { DataError } from "../../../engine/errors.ts";
import { makeFolder } from "../../../engine/io-node/make-folder.ts";

const folder = await mkdtemp(join(tmpdir(), "finch-folder-"));
afterAll(() => rm(folder, { recursive: true }));

test("folders above are made too, by several at a time, and those that are there are left alone", async () => {
  const deep = join(folder, "a", "b", "c");
  await Promise.all(Array.from({ length: 8 }, () => makeFolder(deep)));
  await writeFile(join(deep, "kept"), "");
  await makeFolder(deep);
  expect(await readdir(deep)).toEqual(["kept"]);
});

test("what is in the way, and what the system denies, is one sentence", async () => {
  await writeFile(join(folder, "file"), "");
  await symlink(join(folder, "nowhere", "at all"), join(folder, "link"));
  for (const denied of [join(folder, "file"), join(folder, "link"), "/dev/null"])
    await expect(makeFolder(join(denied, "x"))).rejects.toThrow(
      new DataError(`${join(denied, "x")}: could not be made: ${denied} is not a folder`),
    );
});

test.runIf(process.platform === "linux")("below /proc it ends", async () => {
  await expect(makeFolder("/proc/finch/cache")).rejects.toThrow("/proc/finch/cache: could not be made: ENOENT");
});
