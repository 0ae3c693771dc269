import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { openJob, type OpenJob } from "./job.ts";
import type { PeerRequest } from "./protocol.ts";

/** A job that one contender is ready to do. */
export interface LoadedJob {
  /** Called once, before the first `step`. */
  readonly check: () => Promise<readonly number[]>;
  /** Does the job once, until its result is there. */
  readonly step: () => Promise<void>;
  readonly dispose?: () => Promise<void>;
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
  const loaded = new Map<string, LoadedJob>();
  const obey = async (request: PeerRequest): Promise<object> => {
    const { contender } = request;
    if (request.request === "load") {
      const { job: folder, threads } = request;
      loaded.set(contender, await load({ ...(await openJob(folder)), folder, contender, threads }));
      return { loaded: true };
    }
    const job = loaded.get(contender);
    if (job === undefined) throw new Error(`nothing is loaded for ${contender}`);
    switch (request.request) {
      case "check":
        return { values: await job.check() };
      case "run": {
        const seconds: number[] = [];
        for (let time = 0; time < request.times; time++) {
          const start = performance.now();
          await job.step();
          seconds.push((performance.now() - start) / 1000);
        }
        return { seconds };
      }
      case "unload":
        await job.dispose?.();
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
  for (const job of loaded.values()) await job.dispose?.();
}
