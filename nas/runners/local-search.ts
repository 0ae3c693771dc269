import { randomPermutation, streams } from "../../engine/random.ts";
import { selectImages } from "../../engine/data/select.ts";
import type { DataSet } from "../../engine/data/image-set.ts";
import { ConfigError } from "../../engine/errors.ts";
import { search, type SearchOptions } from "../search.ts";
import type { SearchRun } from "../search-run.ts";
import type { Space } from "../space/space.ts";
import { sqliteStore } from "../store/sqlite.ts";
import { createBackend, type BackendModule } from "./backend-module.ts";
import { shareDataSet } from "./shared-data-set.ts";
import { proxySettings, type ProxyTraining, type TrainEvaluatorOptions } from "./train-evaluator.ts";
import { workerPoolRunner } from "./worker-pool.ts";

export interface LocalSearchOptions extends Omit<SearchOptions, "runner" | "store"> {
  /** Folder of the run; given again it is resumed. */
  readonly out: string;
  /** Moves an earlier run in the folder aside. Default false. */
  readonly fresh?: boolean;
  /** Recorded in run.json. */
  readonly command?: readonly string[];
  /** What each worker trains with; it must use one thread. */
  readonly backend: BackendModule;
  /** Candidates trained at the same time. Default: one per core. */
  readonly jobs?: number;
  /** Go on although the back end rounds otherwise than the one that the run was started with. Default false. */
  readonly allowDifferentBits?: boolean;
  /** How candidates are trained; `limit` is the number of training images, chosen by the seed. Default all. */
  readonly proxy?: ProxyTraining & { readonly limit?: number | undefined };
  /** A candidate that takes longer is failed. Default: none. */
  readonly timeoutSeconds?: number | undefined;
}

/** A search on this machine: candidates trained in worker threads, everything kept in a run folder. @throws as search */
export async function localSearch(space: Space, data: DataSet, options: LocalSearchOptions): Promise<SearchRun> {
  const { out, fresh, command, backend, jobs, proxy = {}, timeoutSeconds, seed = 0, ...others } = options;
  const { allowDifferentBits = false, ...rest } = others;
  const training = proxySettings(proxy);
  const images = Math.min(proxy.limit ?? data.train.count, data.train.count);
  if (training.batchSize > images)
    throw new ConfigError(`search: a batch of ${training.batchSize} is larger than the ${images} training images`);
  if (data.validation.count === 0) throw new ConfigError("search: candidates need validation images, there are none");
  const chosen = randomPermutation(data.train.count, seed, streams.search).slice(0, images).sort();
  const shared = shareDataSet({ ...data, train: selectImages(data.train, chosen) });
  const evaluator: TrainEvaluatorOptions = { ...training, data: shared, backend };
  const settings = { ...training, limit: proxy.limit ?? null, profile: await profileOf(backend) };
  const runner = workerPoolRunner({
    module: new URL("./train-evaluator.ts", import.meta.url).href,
    options: evaluator,
    settings,
    timeoutSeconds,
    ...(jobs !== undefined && { jobs }),
  });
  try {
    const mayDiffer = [...(rest.mayDiffer ?? []), ...(allowDifferentBits ? ["evaluation.profile"] : [])];
    const store = sqliteStore(out, { fresh, command });
    return await search(space, data, { ...rest, seed, runner, store, mayDiffer });
  } finally {
    await runner.close();
  }
}

/** Also finds out, before any worker starts, whether there is such a back end. */
async function profileOf(module: BackendModule): Promise<string> {
  const backend = await createBackend(module);
  try {
    return backend.profile.id;
  } finally {
    await backend.dispose();
  }
}
