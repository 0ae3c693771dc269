import { existsSync } from "node:fs";
import { resolve } from "node:path";

/** Real data sets: FINCH_DATA, by default ../shared/data beside the repository. */
export const dataFolder = resolve(import.meta.dirname, "..", process.env.FINCH_DATA ?? "../shared/data");

/** For `skipIf`; says what is skipped and why. Under CI nothing may be absent. */
export function dataIsAbsent(file: string): boolean {
  const path = resolve(dataFolder, file);
  if (existsSync(path)) return false;
  if (process.env.CI === "true") throw new Error(`${path} is absent, set FINCH_DATA to the folder that holds it`);
  process.stderr.write(`skipped: tests on real data, because ${path} is absent (set FINCH_DATA)\n`);
  return true;
}
