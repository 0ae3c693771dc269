import { recordBench } from "./recording.ts";

/** `npm run bench:record -- NAME WORD…`: keeps what `finch bench WORD… --json` prints as bench/results/NAME.json. */
const [name, ...words] = process.argv.slice(2);
if (name === undefined || words.length === 0) {
  process.stderr.write("error: expected a name and the words of finch bench: kernels-1 kernels --threads 1\n");
  process.exit(2);
}
await recordBench(name, words);
