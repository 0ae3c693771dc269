import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { writeFileAtomically } from "../engine/io-node/atomic-write.ts";
import { circumstances } from "./circumstances.ts";

export const resultsFolder = join(import.meta.dirname, "results");

/** Keeps what `finch bench WORD… --json` prints, with its circumstances, as NAME.json in a folder. */
export async function recordBench(name: string, words: readonly string[], folder = resultsFolder): Promise<void> {
  const command = ["bench", ...words, "--json"];
  const main = join(import.meta.dirname, "../cli/main.ts");
  const child = promisify(execFile)(process.execPath, [main, ...command], { maxBuffer: 2 ** 26 });
  child.child.stderr?.pipe(process.stderr);
  const { stdout } = await child;
  await mkdir(folder, { recursive: true });
  const result = { ...circumstances(), command: ["finch", ...command].join(" "), ...(JSON.parse(stdout) as object) };
  await writeFileAtomically(join(folder, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
}
