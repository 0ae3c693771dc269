import { workerBackend } from "../cli/search-setup.ts";
import type { Architecture } from "../engine/architecture.ts";
import { shareDataSet } from "../nas/runners/shared-data-set.ts";
import type { TrainEvaluatorOptions } from "../nas/runners/train-evaluator.ts";
import { workerPoolRunner } from "../nas/runners/worker-pool.ts";
import type { EpochMetrics } from "../engine/train/metrics.ts";
import type { WasmOptions } from "../kernels/wasm/node/index.ts";
import type { Evaluation } from "../nas/runner.ts";
import { randomData } from "./random-data.ts";
import type { CandidatesRow } from "./rows.ts";
import { median } from "./statistics.ts";

export interface CandidatesBenchOptions {
  readonly variant: NonNullable<WasmOptions["variant"]>;
  readonly batch: number;
  readonly jobs: number;
  /** Training images of a candidate, one epoch. Default 16 batches. */
  readonly images?: number;
  /** Default 500. */
  readonly validation?: number;
  /** Time to spend. Default 10. */
  readonly seconds?: number;
}

interface Round {
  readonly seconds: number;
  readonly evaluations: readonly Evaluation[];
}

/** The same candidate trained by one worker and by `jobs` workers at once, in turn. */
export async function benchCandidates(
  architecture: Architecture,
  options: CandidatesBenchOptions,
): Promise<CandidatesRow> {
  const { variant, batch, jobs, images = 16 * batch, validation = 500, seconds = 10 } = options;
  const data = shareDataSet(randomData(architecture, { train: images, validation }));
  const evaluator: TrainEvaluatorOptions = { epochs: 1, batchSize: batch, data, backend: workerBackend({ variant }) };
  const runner = workerPoolRunner({
    module: new URL("../nas/runners/train-evaluator.ts", import.meta.url).href,
    options: evaluator,
    jobs,
  });
  const train = async (count: number): Promise<Round> => {
    const start = performance.now();
    const all = Array.from({ length: count }, () => runner.evaluate(architecture, { seed: 1 }));
    const evaluations = await Promise.all(all);
    return { seconds: (performance.now() - start) / 1000, evaluations };
  };
  try {
    await train(jobs); // Starts the workers.
    const { backend: ran } = (await train(jobs)).evaluations[0]!; // Lets the engine optimise.
    const rounds: { one: Round; all: Round }[] = [];
    for (const end = performance.now() + 1000 * seconds; rounds.length < 3 || performance.now() < end;)
      rounds.push({ one: await train(1), all: await train(jobs) });
    const evaluations = rounds.flatMap(({ one, all }) => [...one.evaluations, ...all.evaluations]);
    const times = evaluations.map((evaluation) => evaluation.seconds);
    const trained = Math.floor(images / batch) * batch;
    const rate = (evaluation: Evaluation): number => trained / trainingSeconds(evaluation);
    return {
      suite: "candidates",
      arch: architecture.name,
      backend: ran!["name"]!,
      variant: ran!["variant"]!,
      threads: 1,
      batch,
      jobs,
      minimum: Math.min(...times),
      median: median(times),
      samples: evaluations.length,
      imagesPerSecond: median(rounds.map(({ all }) => all.evaluations.reduce((sum, each) => sum + rate(each), 0))),
      scaling: median(rounds.map(({ one, all }) => (jobs * one.seconds) / all.seconds)),
      bestScaling:
        (jobs * Math.min(...rounds.map(({ one }) => one.seconds))) / Math.min(...rounds.map(({ all }) => all.seconds)),
      besideSeconds: median(evaluations.map((each) => each.seconds - trainingSeconds(each))),
    };
  } finally {
    await runner.close();
  }
}

function trainingSeconds({ history }: Evaluation): number {
  return history.reduce<number>((sum, epoch) => sum + (epoch as unknown as EpochMetrics).seconds, 0);
}
