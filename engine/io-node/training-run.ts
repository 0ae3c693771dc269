import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { DataSet } from "../data/image-set.ts";
import type { EpochMetrics } from "../train/metrics.ts";
import type { FitOptions, Trainer } from "../train/trainer.ts";
import { loadCheckpoint, runFiles, saveCheckpoint } from "./checkpoint-file.ts";
import { makeFolder } from "./make-folder.ts";
import { runRecord } from "./run-record.ts";

export interface TrainingRunOptions extends Omit<FitOptions, "resume"> {
  /** Folder of the run; made if missing. */
  readonly out: string;
  /** Forget what the folder holds. Default false: go on from its last checkpoint. */
  readonly fresh?: boolean;
  /** Recorded in run.json. */
  readonly command?: readonly string[];
  /** Save inside an epoch too, when this many seconds have passed. Default 60. */
  readonly saveEverySeconds?: number;
}

export interface TrainingRunResult {
  readonly resumed: boolean;
  /** False when the signal stopped it early; the same call goes on. */
  readonly complete: boolean;
  readonly history: readonly EpochMetrics[];
  /** Path of the checkpoint with the best validation accuracy, or of the last one without validation. */
  readonly checkpoint: string;
}

/** The numerics profile that the run in a folder was trained with, or `undefined` where there is none. */
export async function recordedProfile(out: string): Promise<string | undefined> {
  const last = join(out, runFiles.last);
  return (await exists(last)) ? (await loadCheckpoint(last)).profile : undefined;
}

/**
 * Trains into a folder: `last.finch` after every epoch (and at least once a minute), `best.finch` whenever validation
 * accuracy rises, `run.json` with settings and status. Calling it again goes on where it stopped, or, when the back end
 * was lost, a GPU say, from what was read of it last.
 * @throws ConfigError when the settings differ from those of the run; DataError when a file cannot be read or written
 */
export async function trainIntoFolder(
  trainer: Trainer,
  data: DataSet,
  { out, fresh = false, command, saveEverySeconds = 60, ...options }: TrainingRunOptions,
): Promise<TrainingRunResult> {
  await makeFolder(out);
  const last = join(out, runFiles.last);
  const best = join(out, runFiles.best);
  if (fresh) await Promise.all([rm(last, { force: true }), rm(best, { force: true })]);
  const resume = (await exists(last)) ? await loadCheckpoint(last) : undefined;

  const record = runRecord(out, { kind: "train", command });
  const writeRun = (status: string): Promise<void> =>
    record(status, options.seed ?? 0, {
      history: trainer.history.length > 0 ? trainer.history : (resume?.history ?? []),
    });
  await writeRun("running");

  let saved = performance.now();
  const save = async (path: string): Promise<void> => {
    await saveCheckpoint(path, await trainer.checkpoint());
    saved = performance.now();
  };
  const callbacks = [
    ...(options.callbacks ?? []),
    {
      onStep: async () => {
        if (performance.now() - saved > saveEverySeconds * 1000) await save(last);
      },
      onEpoch: async (metrics: EpochMetrics) => {
        const accuracies = trainer.history.map((epoch) => epoch.validationAccuracy ?? -1);
        if (
          metrics.validationAccuracy !== null &&
          accuracies.indexOf(Math.max(...accuracies)) === accuracies.length - 1
        )
          await save(best);
        await save(last);
        await writeRun("running");
      },
    },
  ];
  try {
    for await (const epoch of trainer.fit(data, { ...options, resume, callbacks })) void epoch;
  } catch (error) {
    if (trainer.wasSetBack) await save(last);
    await writeRun("failed").catch(() => undefined);
    throw error;
  }
  await save(last);
  const complete = options.signal?.aborted !== true || trainer.history.length >= options.epochs;
  await writeRun(complete ? "complete" : "interrupted");
  return {
    resumed: resume !== undefined,
    complete,
    history: trainer.history,
    checkpoint: (await exists(best)) ? best : last,
  };
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
