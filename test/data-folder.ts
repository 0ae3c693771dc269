import { existsSync } from "node:fs";
import { resolve } from "node:path";

/** Real data sets: FINCH_DATA, by default ../shared/data beside the repository. */
export const dataFolder = resolve(import.meta.dirname, "..", process.env.FINCH_DATA ?? "../shared/data");

/** For `skipIf`; says what is skipped and why. Real data are not part of the project, so their absence is no failure. */
export function dataIsAbsent(file: string): boolean {
  const path = resolve(dataFolder, file);
  if (existsSync(path)) return false;
  process.stderr.write(`skipped: tests on real data, because ${path} is absent (set FINCH_DATA)\n`);
  return true;
}
