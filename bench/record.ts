import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { writeFileAtomically } from "../engine/io-node/atomic-write.ts";
import { circumstances } from "./circumstances.ts";

/** `npm run bench:record -- NAME WORD…`: keeps what `finch bench WORD… --json` prints as bench/results/NAME.json. */
const [name, ...words] = process.argv.slice(2);
if (name === undefined || words.length === 0) {
  process.stderr.write("error: expected a name and the words of finch bench: kernels-1 kernels --threads 1\n");
  process.exit(2);
}
const command = ["bench", ...words, "--json"];
const main = join(import.meta.dirname, "../cli/main.ts");
const child = promisify(execFile)(process.execPath, [main, ...command], { maxBuffer: 2 ** 26 });
child.child.stderr?.pipe(process.stderr);
const { stdout } = await child;
const folder = join(import.meta.dirname, "results");
await mkdir(folder, { recursive: true });
const result = { ...circumstances(), command: ["finch", ...command].join(" "), ...(JSON.parse(stdout) as object) };
await writeFileAtomically(join(folder, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
