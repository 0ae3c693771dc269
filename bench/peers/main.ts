import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Argument, Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { builtInArchitectures } from "../../engine/architecture.ts";
import { FinchError } from "../../engine/errors.ts";
import { writeFileAtomically } from "../../engine/io-node/atomic-write.ts";
import { listOf, positiveInteger, positiveNumber } from "../../cli/options.ts";
import { circumstances } from "../circumstances.ts";
import { resultsFolder } from "../recording.ts";
import { contest, type Contender } from "./contest.ts";
import { installNpmPeers, installPythonPeers } from "./install.ts";
import { openJob } from "./job.ts";
import { Peer, type PeerCommand } from "./peer.ts";
import type { PeerResult, PeerRow } from "./rows.ts";
import { peerNames, suiteJobs, suiteNames, type PeerName, type PlannedJob } from "./suites.ts";

/** `npm run bench:peers`: other trainers and runtimes on the same work, in turns with Finch. */

const say = (message: string): void => void process.stderr.write(`${message}\n`);
const script = (name: string): string => join(import.meta.dirname, name);

/** `NAME=COMMAND WORD…`: any program that speaks the protocol. */
function guest(text: string, earlier: readonly PeerCommand[] = []): readonly PeerCommand[] {
  const [name, words] = text.split(/=(.*)/s);
  const [command, ...parameters] = (words ?? "").split(" ").filter((word) => word !== "");
  if (!name || command === undefined) throw new InvalidArgumentError("Expected NAME=COMMAND.");
  return [...earlier, { name, command, parameters }];
}

async function command(peer: PeerName): Promise<PeerCommand> {
  const node = (file: string): PeerCommand => ({ name: peer, command: process.execPath, parameters: [script(file)] });
  switch (peer) {
    case "finch":
      return node("finch-peer.ts");
    case "torch":
      return { name: peer, command: await installPythonPeers(say), parameters: [script("torch_peer.py")] };
    case "onnxruntime":
      return node("ort-peer.ts");
    case "tfjs":
      await installNpmPeers(say);
      return node("tfjs-peer.ts");
    case "jax-js":
      await installNpmPeers(say);
      return node("jax-peer.ts");
    case "gpu.js":
      return node("gpu-peer.ts");
  }
}

interface Flags {
  readonly threads: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly only?: readonly PeerName[] | undefined;
  readonly guest?: readonly PeerCommand[] | undefined;
}

/** Runs jobs that share a file of results, with one process for each peer. */
async function runJobs(jobs: readonly PlannedJob[], { threads, rounds, seconds, only, guest = [] }: Flags) {
  const wanted = (peer: PeerName): boolean => peer === "finch" || only === undefined || only.includes(peer);
  const folder = await mkdtemp(join(tmpdir(), "finch-peers-"));
  const peers = new Map<string, Peer>();
  const rows: PeerRow[] = [];
  try {
    for (const name of new Set(jobs.flatMap(({ entries }) => entries.map(({ peer }) => peer))))
      if (wanted(name)) peers.set(name, new Peer(await command(name)));
    for (const invited of guest) peers.set(invited.name, new Peer(invited));
    const versions: Record<string, Readonly<Record<string, string>>> = {};
    for (const [name, peer] of peers) versions[name] = await peer.versions();
    for (const { name, write, entries, tolerance } of jobs) {
      const jobFolder = join(folder, name);
      await write(jobFolder);
      const { job } = await openJob(jobFolder);
      const contenders: Contender[] = [
        ...entries.filter(({ peer }) => wanted(peer)).map((entry) => ({ ...entry, peer: peers.get(entry.peer)! })),
        ...guest.map((invited) => ({ peer: peers.get(invited.name)!, way: "" })),
      ];
      const options = { job, folder: jobFolder, threads, rounds, turnSeconds: seconds, tolerance, onProgress: say };
      rows.push(...(await contest(contenders, options)));
    }
    return { versions, rows };
  } finally {
    for (const peer of peers.values()) await peer.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The command but for where its results go, which says nothing of them. */
function typedCommand(): string {
  const isOut = (word: string | undefined): boolean => word === "-o" || word === "--out";
  const words = process.argv.slice(2);
  const kept = words.filter((word, index) => !isOut(word) && !isOut(words[index - 1]) && !word.startsWith("--out="));
  return ["npm run bench:peers --", ...kept].join(" ");
}

const program = new Command("bench:peers")
  .description("Compares Finch with other trainers and runtimes, in turns on the same work. Installs them when needed.")
  .addArgument(new Argument("[suites...]", "what to compare").choices(suiteNames).default([...suiteNames], "all"))
  .addOption(
    new Option("--arch <names>", "train: built-in architectures or files").default(
      Object.keys(builtInArchitectures).join(","),
    ),
  )
  .addOption(
    new Option("--batch <images>", "train, candidates: images of one step").argParser(positiveInteger).default(128),
  )
  .addOption(new Option("--threads <count>", "of every contender").argParser(positiveInteger).default(2))
  .addOption(new Option("--rounds <count>", "turns of each contender").argParser(positiveInteger).default(7))
  .addOption(new Option("--seconds <time>", "of one turn").argParser(positiveNumber).default(0.5))
  .addOption(new Option("--only <peers>", `some of ${peerNames.join(",")}`).argParser(listOf(peerNames)))
  .addOption(new Option("--guest <name=command>", "one more peer, which speaks the protocol").argParser(guest))
  .addOption(new Option("-o, --out <folder>", "where results go").default(resultsFolder, "bench/results"))
  .action(async (suites, options) => {
    await mkdir(options.out, { recursive: true });
    for (const suite of suites as (typeof suiteNames)[number][])
      for (const [file, jobs] of await suiteJobs(suite, { ...options, arch: options.arch.split(",") })) {
        const { versions, rows } = await runJobs(jobs, options);
        const result: PeerResult = { ...circumstances(), command: typedCommand(), versions, rows };
        const path = join(options.out, `peers-${file}-threads-${options.threads}.json`);
        await writeFileAtomically(path, `${JSON.stringify(result, null, 2)}\n`);
        process.stdout.write(`${path}\n`);
      }
  });

try {
  await program.parseAsync();
} catch (error) {
  say(`error: ${error instanceof FinchError ? error.message : (error as Error).stack}`);
  process.exitCode = 1;
}
