import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { Command, Option } from "@commander-js/extra-typings";
import { builtInArchitectures } from "../engine/architecture.ts";
import { recordBench, resultsFolder } from "./recording.ts";

/**
 * `npm run bench:record-all`: measures all that the README reports of speed, one after the other, and writes the README's
 * tables. Ends at the first error.
 */

interface Part {
  readonly name: string;
  readonly run: (how: How) => Promise<void>;
}

interface How {
  readonly folder: string;
  /** Shows that all of it runs, and measures nothing well. */
  readonly quick: boolean;
}

/** What `finch bench` prints. */
function bench(name: string, ...words: string[]): Part {
  const run: Part["run"] = ({ folder, quick }) =>
    recordBench(name, [...words, ...(quick ? ["--seconds", "0.02"] : [])], folder);
  return { name, run };
}

/** A suite of `npm run bench:peers`; `seconds` of each of `rounds` turns. */
function peers(suite: string, threads: number, rounds: number, seconds: number): Part {
  const run: Part["run"] = ({ folder, quick }) => {
    const turns = quick ? ["--rounds", "1", "--seconds", "0.02"] : ["--rounds", `${rounds}`, "--seconds", `${seconds}`];
    return node(
      join(import.meta.dirname, "peers/main.ts"),
      suite,
      "--threads",
      `${threads}`,
      ...turns,
      "--out",
      folder,
    );
  };
  return { name: `peers-${suite}-threads-${threads}`, run };
}

async function node(...words: string[]): Promise<void> {
  const [code] = (await once(spawn(process.execPath, words, { stdio: "inherit" }), "close")) as [number | null];
  if (code !== 0) throw new Error(`node ${words.join(" ")} ended with ${code}`);
}

const architectures = Object.keys(builtInArchitectures);

const parts: readonly Part[] = [
  bench("kernels-threads-1", "kernels", "--threads", "1"),
  ...architectures.flatMap((arch) => [
    bench(`train-${arch}`, "train", "--arch", arch, "--threads", "2"),
    bench(`profile-${arch}`, "train", "--by", "layer", "--arch", arch, "--threads", "2"),
    bench(`infer-${arch}-threads-1`, "infer", "--arch", arch, "--batch", "64", "--threads", "1"),
    bench(`infer-${arch}-threads-2`, "infer", "--arch", arch, "--batch", "64", "--threads", "2"),
    bench(`scaling-${arch}`, "train", "--scaling", "--arch", arch, "--threads", "2", "--seconds", "20"),
    bench(`workers-${arch}`, "train", "--jobs", "2", "--arch", arch),
  ]),
  peers("train", 2, 7, 0.5),
  peers("infer", 1, 5, 0.3),
  peers("infer", 2, 5, 0.3),
  peers("candidates", 2, 3, 0.2),
  peers("gemm", 1, 5, 0.3),
  // The slowest of them takes 13 s for a step.
  peers("small-cnn", 2, 3, 0.3),
];

await new Command("bench:record-all")
  .description("Measures all that the README reports of speed, and writes its tables.")
  .argument("[names...]", "only parts whose name begins with one of these", [] as string[])
  .addOption(new Option("--quick", "the shortest times, to see that all of it runs; needs --out").default(false))
  .addOption(new Option("-o, --out <folder>", "where results go; the README is written for bench/results alone"))
  .action(async (names, { quick, out: folder = resultsFolder }, command) => {
    if (quick && folder === resultsFolder) command.error("error: --quick needs --out: its results are worth nothing");
    const begin = performance.now();
    for (const { name, run } of parts) {
      if (names.length > 0 && !names.some((prefix) => name.startsWith(prefix))) continue;
      process.stdout.write(`${((performance.now() - begin) / 60_000).toFixed(1)} min: ${name}\n`);
      await run({ folder, quick });
    }
    if (folder === resultsFolder) await node(join(import.meta.dirname, "../scripts/results-table.ts"));
    process.stdout.write(`${((performance.now() - begin) / 60_000).toFixed(1)} min: done\n`);
  })
  .parseAsync();
