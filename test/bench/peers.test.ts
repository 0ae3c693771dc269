import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { contest, type Contender, type ContestOptions } from "../../bench/peers/contest.ts";
import { openJob, writeJob } from "../../bench/peers/job.ts";
import { Peer } from "../../bench/peers/peer.ts";
import { peerResultSchema, type PeerRow } from "../../bench/peers/rows.ts";
import { tinyArchitecture } from "../cli/finch.ts";

const folder = mkdtempSync(join(tmpdir(), "finch-peers-test-"));
const fake = join(import.meta.dirname, "fake-peer.ts");
const peers: Peer[] = [];
afterAll(async () => {
  for (const peer of peers) await peer.close();
  await rm(folder, { recursive: true, force: true });
});

/** A real process that takes so long for a step, and claims these losses. */
function fakePeer(name: string, losses: readonly number[], milliseconds: number, fault = ""): Contender {
  const peer = new Peer({
    name,
    command: process.execPath,
    parameters: [fake, losses.join(","), String(milliseconds), fault],
  });
  peers.push(peer);
  return { peer, way: "" };
}

async function compare(
  contenders: readonly Contender[],
  options: Partial<ContestOptions> = {},
): Promise<readonly PeerRow[]> {
  const job = {
    name: "fake",
    kind: "train",
    network: "small-cnn",
    batch: 8,
    learningRate: 1e-3,
    weightDecay: 0,
  } as const;
  await writeJob(folder, { ...job, checkedSteps: 5 }, {});
  const opened = await openJob(folder);
  const rules = { threads: 1, rounds: 4, turnSeconds: 0.03, tolerance: { first: 1e-4, all: 1e-2 } };
  return contest(contenders, { job: opened.job, folder, ...rules, ...options });
}

const losses = [2.3, 2.2, 2.1, 2, 1.9];

test("the ratio is that of times in the same round", async () => {
  const rows = await compare([fakePeer("quick", losses, 5), fakePeer("slow", losses, 25)]);
  expect(rows[0]).toMatchObject({ contender: "quick", ratio: null, difference: null, batch: 8 });
  expect(rows[0]!.imagesPerSecond).toBeCloseTo(8 / rows[0]!.median!, 6);
  const { ratio, difference } = rows[1]!;
  expect(ratio!.median).toBeGreaterThan(2);
  expect(ratio!.lowest).toBeLessThanOrEqual(ratio!.median);
  expect(ratio!.highest).toBeGreaterThanOrEqual(ratio!.median);
  expect(difference).toBe(0);
});

test.each([
  ["a first loss", [2.31, 2.2, 2.1, 2, 1.9]],
  ["a later loss", [2.3, 2.2, 2.1, 2, 1.85]],
  ["too few losses", [2.3]],
  ["no number", [2.3, NaN, 2.1, 2, 1.9]],
])("%s that disagrees ends the contest", async (_, wrong) => {
  await expect(compare([fakePeer("right", losses, 1), fakePeer("wrong", wrong, 1)])).rejects.toThrow(
    /wrong.*(and right disagree|expected an answer to "check")/,
  );
});

test("a peer that dies ends the contest and is named", async () => {
  const contenders = [fakePeer("well", losses, 1), fakePeer("mortal", losses, 1, "die")];
  await expect(compare(contenders)).rejects.toThrow(/^peer mortal: ended by SIGKILL.*"run"/);
});

test("what an optional contender cannot do is noted; for another it ends the contest", async () => {
  const well = fakePeer("well", losses, 1);
  const refusing = fakePeer("refusing", losses, 1, "refuse");
  const [, row] = await compare([well, { ...refusing, optional: true }]);
  expect(row).toMatchObject({ contender: "refusing", median: null, samples: 0 });
  expect(row!.note).toMatch(/load: this cannot be trained here/);
  await expect(compare([well, refusing])).rejects.toThrow(/refusing: load: this cannot be trained here/);
});

test("a program that is not there is named", async () => {
  const peer = new Peer({ name: "absent", command: join(folder, "no-such-program"), parameters: [] });
  await expect(peer.versions()).rejects.toThrow(/^peer absent: could not be started/);
});

function benchPeers(words: readonly string[]): Promise<{ code: number | null; stderr: string }> {
  const main = join(import.meta.dirname, "../../bench/peers/main.ts");
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, ...words], { stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.on("close", (code) => resolve({ code, stderr }));
  });
}

const tiny = tinyArchitecture(folder);
const train = ["train", "--arch", tiny, "--batch", "4", "--threads", "1", "--rounds", "2", "--seconds", "0.02"];
const finchAlone = [...train, "--only", "finch"];

test("the command writes what it measured, with machine and versions", async () => {
  const out = join(folder, "right");
  const finch = `${process.execPath} ${join(import.meta.dirname, "../../bench/peers/finch-peer.ts")}`;
  expect(await benchPeers([...finchAlone, "--guest", `again=${finch}`, "--out", out])).toMatchObject({ code: 0 });
  const [file] = readdirSync(out);
  const result = peerResultSchema.parse(JSON.parse(readFileSync(join(out, file!), "utf8")));
  expect(result.rows.map(({ contender }) => contender)).toEqual(["finch", "again"]);
  expect(result.rows[1]).toMatchObject({ job: "tiny", kind: "train", batch: 4, difference: 0 });
  expect(result.versions).toMatchObject({ finch: { variant: expect.stringMatching(/^simd128/) as string } });
  expect(result.command).toBe(`npm run bench:peers -- ${[...finchAlone, "--guest", `again=${finch}`].join(" ")}`);
});

test("the command ends with 1 and writes nothing when losses disagree", async () => {
  const out = join(folder, "wrong");
  const liar = `${process.execPath} ${fake} ${losses.join(",")} 1`;
  const { code, stderr } = await benchPeers([...finchAlone, "--guest", `liar=${liar}`, "--out", out]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: tiny: liar and finch disagree/m);
  expect(existsSync(out) ? readdirSync(out) : []).toEqual([]);
});
