import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { getEnvironmentData, setEnvironmentData } from "node:worker_threads";
import { writeFileAtomically } from "../../../engine/io-node/atomic-write.ts";
import { makeFolder } from "../../../engine/io-node/make-folder.ts";
import { userCacheFolder } from "../../../engine/io-node/user-cache-folder.ts";
import { tileWidths, type TileCost, type TileCosts } from "../lower/tiles.ts";

/** A name for all that times depend on: the processor, the engine and the kernels. */
export function tuningKey(kernels: Uint8Array): string {
  const { arch, versions } = process;
  return createHash("sha256")
    .update(JSON.stringify([arch, cpus()[0]?.model, versions.node, versions.v8]))
    .update(kernels)
    .digest("hex")
    .slice(0, 24);
}

const nameOf = (key: string): string => `tiles-${key}.json`;

/** What this process, the one that started it as a worker, or an earlier one on this machine has measured. */
export async function storedCosts(key: string): Promise<TileCosts | undefined> {
  const known = getEnvironmentData(nameOf(key)) as unknown;
  if (isCosts(known)) return known;
  try {
    const stored: unknown = JSON.parse(await readFile(join(userCacheFolder(), nameOf(key)), "utf8"));
    if (!isCosts(stored)) return undefined;
    share(key, stored);
    return stored;
  } catch {
    return undefined;
  }
}

/** Keeps costs for this process, for workers that it starts from now on, and, where that is possible, for later ones. */
export async function storeCosts(key: string, costs: TileCosts): Promise<void> {
  share(key, costs);
  const folder = userCacheFolder();
  try {
    await makeFolder(folder);
    await writeFileAtomically(join(folder, nameOf(key)), JSON.stringify(costs));
  } catch {
    // Without a folder that can be written the next process measures again.
  }
}

function share(key: string, costs: TileCosts): void {
  setEnvironmentData(
    nameOf(key),
    costs.map((cost) => ({ ...cost })),
  );
}

function isCosts(value: unknown): value is TileCosts {
  if (!Array.isArray(value) || value.length !== tileWidths.length) return false;
  return tileWidths.every((width, index) => {
    const cost = value[index] as Partial<TileCost> | null;
    return cost?.width === width && isTime(cost.start) && isTime(cost.step) && cost.step! > 0;
  });
}

const isTime = (value: unknown): boolean => typeof value === "number" && Number.isFinite(value) && value >= 0;
