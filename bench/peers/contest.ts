import { setTimeout as pause } from "node:timers/promises";
import { MismatchError } from "../../engine/errors.ts";
import { median, relativeDifference } from "../statistics.ts";
import type { Job } from "./job.ts";
import { PeerError, type Peer } from "./peer.ts";
import type { PeerRow } from "./rows.ts";

/** Largest relative difference of the first value that is compared, and of all. */
export interface Tolerance {
  readonly first: number;
  readonly all: number;
}

/** A peer and the way in which it is to do the job. */
export interface Contender {
  readonly peer: Peer;
  readonly way: string;
  /** What it cannot do is noted in its row; otherwise it ends the contest. Default false. */
  readonly optional?: boolean;
}

export interface ContestOptions {
  readonly job: Job;
  /** Folder of the job. */
  readonly folder: string;
  readonly threads: number;
  /** Turns of each contender. */
  readonly rounds: number;
  /** Seconds of one turn; a turn does the job at least once. */
  readonly turnSeconds: number;
  readonly tolerance: Tolerance;
  readonly onProgress?: (message: string) => void;
}

interface Running extends Contender {
  readonly label: string;
  readonly difference: number;
  readonly times: number;
  /** Seconds of each run, by round. */
  readonly rounds: (readonly number[])[];
}

/** Between turns, so that threads of the last one have gone to sleep. */
const settleMilliseconds = 60;

/**
 * Lets contenders do one job in turns (A B C, C B A, A B C, …), only one at a time, so that drift of the machine hits all
 * alike. The first one, Finch, is what the others are compared with: their values before anything is timed, then their
 * times of each round.
 * @throws MismatchError when values disagree; PeerError when a contender dies, or cannot do the job and is not optional
 */
export async function contest(contenders: readonly Contender[], options: ContestOptions): Promise<PeerRow[]> {
  const { job, folder, threads, rounds, turnSeconds, tolerance, onProgress } = options;
  const running: Running[] = [];
  const failures = new Map<string, string>();
  let expected: readonly number[] | undefined;
  try {
    for (const contender of contenders) {
      const { peer, way, optional = false } = contender;
      const label = `${peer.name} ${way}`.trim();
      try {
        await peer.load(way, folder, threads);
        const values = await peer.check(way);
        expected ??= values;
        const difference = relativeDifference(values, expected);
        const first = relativeDifference(values.slice(0, 1), expected.slice(0, 1));
        if (!(first <= tolerance.first && difference <= tolerance.all))
          throw new MismatchError(
            `${job.name}: ${label} and ${running[0]?.label} disagree by ${first.toExponential(1)} in the first value and ` +
              `${difference.toExponential(1)} in all, at most ${tolerance.first} and ${tolerance.all} are allowed: ` +
              `${preview(values)} and ${preview(expected)}`,
          );
        const times = Math.max(1, Math.round(turnSeconds / (await warmUp(peer, way, turnSeconds))));
        running.push({ ...contender, label, difference, times, rounds: [] });
      } catch (error) {
        if (!optional || !(error instanceof PeerError) || peer.ended) throw error;
        failures.set(label, error.message);
        onProgress?.(`${job.name}: ${error.message}`);
      }
    }
    for (let round = 0; round < rounds; round++)
      for (const { peer, way, times, rounds } of round % 2 === 0 ? running : running.toReversed()) {
        await pause(settleMilliseconds);
        rounds.push(await peer.run(way, times));
      }
  } finally {
    for (const { peer, way } of running) if (!peer.ended) await peer.unload(way);
  }
  const about = {
    suite: "peers",
    job: job.name,
    kind: job.kind,
    threads,
    batch: "batch" in job ? job.batch : null,
  } as const;
  return contenders.map(({ peer, way }): PeerRow => {
    const label = `${peer.name} ${way}`.trim();
    const found = running.find((contender) => contender.label === label);
    if (found === undefined)
      return { ...about, contender: label, ...nothing, tolerance: tolerance.all, note: failures.get(label) ?? null };
    const row = {
      ...about,
      contender: label,
      ...timesOf(found, running[0]!, job),
      tolerance: tolerance.all,
      note: null,
    };
    onProgress?.(describe(row));
    return row;
  });
}

const nothing = {
  minimum: null,
  median: null,
  samples: 0,
  imagesPerSecond: null,
  gflops: null,
  ratio: null,
  difference: null,
} as const;

/** Seconds of one run once the contender is warm: compiled, and its memory at hand. */
async function warmUp(peer: Peer, way: string, seconds: number): Promise<number> {
  const [first] = await peer.run(way, 1);
  const runs = Math.min(200, Math.floor(seconds / first!));
  return runs === 0 ? first! : median(await peer.run(way, runs));
}

function timesOf(contender: Running, first: Running, job: Job) {
  const seconds = contender.rounds.flat();
  const middle = median(seconds);
  const ratios = contender.rounds.map((times, round) => median(times) / median(first.rounds[round]!));
  return {
    minimum: Math.min(...seconds),
    median: middle,
    samples: seconds.length,
    imagesPerSecond: "batch" in job ? job.batch / middle : null,
    gflops: job.kind === "gemm" ? (2 * job.size ** 3) / middle / 1e9 : null,
    ratio:
      contender === first
        ? null
        : {
            median: median(ratios),
            lowest: Math.min(...ratios),
            highest: Math.max(...ratios),
            ofMinima: Math.min(...seconds) / Math.min(...first.rounds.flat()),
          },
    difference: contender === first ? null : contender.difference,
  };
}

function describe({ job, contender, imagesPerSecond, gflops, ratio }: PeerRow): string {
  const speed =
    imagesPerSecond === null ? `${gflops!.toPrecision(3)} GFLOP/s` : `${imagesPerSecond.toPrecision(4)} images/s`;
  const compared =
    ratio === null
      ? ""
      : `, Finch is ${ratio.median.toPrecision(3)} times as fast (${ratio.lowest.toPrecision(3)} to ${ratio.highest.toPrecision(3)})`;
  return `${job}: ${contender}: ${speed}${compared}`;
}

const preview = (values: readonly number[]): string =>
  values
    .slice(0, 5)
    .map((value) => value.toPrecision(7))
    .join(" ");
