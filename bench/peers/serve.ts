import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { openJob, type Job, type OpenJob } from "./job.ts";
import type { PeerRequest } from "./protocol.ts";

/** A job that one contender is ready to do. */
export type LoadedJob = { readonly dispose?: () => Promise<void> } & (
  | {
      /** One step of a training; gives its loss. */
      readonly train: () => Promise<number>;
    }
  | {
      /** Does the job once, until its result is there: in memory that a product is left in, or read as logits are. */
      readonly run: () => Promise<unknown>;
      /** Does it once and reads all of the result. */
      readonly result: () => Promise<ArrayLike<number>>;
    }
);

/** What is compared of a job that was not done before. */
async function checkedValues(job: Job, loaded: LoadedJob): Promise<number[]> {
  if ("train" in loaded) {
    if (job.kind !== "train") throw new Error(`${job.name} is no training`);
    const losses: number[] = [];
    while (losses.length < job.checkedSteps) losses.push(await loaded.train());
    return losses;
  }
  const every = job.kind === "gemm" ? job.every : 1;
  return Array.from(await loaded.result()).filter((_, index) => index % every === 0);
}

export interface LoadOptions extends OpenJob {
  readonly folder: string;
  readonly contender: string;
  readonly threads: number;
}

/** Serves requests with a JavaScript library until the input ends. */
export async function servePeer(
  versions: Readonly<Record<string, string>>,
  load: (options: LoadOptions) => Promise<LoadedJob>,
): Promise<void> {
  const answer = (reply: object): void => void writeSync(3, `${JSON.stringify(reply)}\n`);
  const loaded = new Map<string, { readonly job: Job; readonly work: LoadedJob }>();
  const obey = async (request: PeerRequest): Promise<object> => {
    const { contender } = request;
    if (request.request === "load") {
      const { job: folder, threads } = request;
      const opened = await openJob(folder);
      loaded.set(contender, { job: opened.job, work: await load({ ...opened, folder, contender, threads }) });
      return { loaded: true };
    }
    const found = loaded.get(contender);
    if (found === undefined) throw new Error(`nothing is loaded for ${contender}`);
    const { job, work } = found;
    const once = "train" in work ? work.train : work.run;
    switch (request.request) {
      case "check":
        return { values: await checkedValues(job, work) };
      case "run": {
        const seconds: number[] = [];
        for (let time = 0; time < request.times; time++) {
          const start = performance.now();
          await once();
          seconds.push((performance.now() - start) / 1000);
        }
        return { seconds };
      }
      case "unload":
        await work.dispose?.();
        loaded.delete(contender);
        return { unloaded: true };
    }
  };
  answer({ ready: true, versions });
  for await (const line of createInterface(process.stdin))
    answer(
      await obey(JSON.parse(line) as PeerRequest).catch((error: unknown) => ({
        error: error instanceof Error ? error.message : String(error),
      })),
    );
  for (const { work } of loaded.values()) await work.dispose?.();
}
