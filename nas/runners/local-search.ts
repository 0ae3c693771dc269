import { randomPermutation, streams } from "../../engine/random.ts";
import { selectImages, stratifiedSample } from "../../engine/data/select.ts";
import type { DataSet } from "../../engine/data/image-set.ts";
import { ConfigError, DataError } from "../../engine/errors.ts";
import { RunnerError } from "../runner.ts";
import { search, type SearchOptions } from "../search.ts";
import { SearchRun } from "../search-run.ts";
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
  /** What each worker trains with; it must use one thread. A function is told the numerics profile of a run that goes on. */
  readonly backend: BackendModule | ((recordedProfile?: string) => BackendModule);
  /** Candidates trained at the same time. Default: one per core. */
  readonly jobs?: number;
  /** Go on although the back end rounds otherwise than the one that the run was started with. Default false. */
  readonly allowDifferentBits?: boolean;
  /**
   * How candidates are trained, and on how many images: `limit` of the training images, chosen by the seed, and
   * `validation` of those held back, chosen by the seed with equal shares of each class. Default all.
   */
  readonly proxy?: ProxyTraining & { readonly limit?: number | undefined; readonly validation?: number | undefined };
  /** A candidate that takes longer is failed. Default: none. */
  readonly timeoutSeconds?: number | undefined;
}

/** A search on this machine: candidates trained in worker threads, everything kept in a run folder. @throws as search */
export async function localSearch(space: Space, data: DataSet, options: LocalSearchOptions): Promise<SearchRun> {
  const { out, fresh = false, command, jobs, proxy = {}, timeoutSeconds, seed = 0, ...others } = options;
  const { allowDifferentBits = false, backend: choice, ...rest } = others;
  const training = proxySettings(proxy);
  const images = Math.min(proxy.limit ?? data.train.count, data.train.count);
  if (training.batchSize > images)
    throw new ConfigError(`search: a batch of ${training.batchSize} is larger than the ${images} training images`);
  if (data.validation.count === 0) throw new ConfigError("search: candidates need validation images, there are none");
  const chosen = randomPermutation(data.train.count, seed, streams.search).slice(0, images).sort();
  const validated = stratifiedSample(data.validation, proxy.validation ?? Infinity, seed, streams.search, 1);
  const shared = shareDataSet({
    ...data,
    train: selectImages(data.train, chosen),
    validation: selectImages(data.validation, validated),
  });
  const { backend, profile } = await chooseBackend(choice, fresh ? undefined : await recordedProfile(out));
  const evaluator: TrainEvaluatorOptions = { ...training, validateEvery: proxy.validateEvery, data: shared, backend };
  const { limit = null, validation } = proxy;
  const settings = { ...training, limit, ...(validation === undefined ? {} : { validation }), profile };
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

/** The numerics profile of the run in a folder; undefined where there is none that can be read. */
async function recordedProfile(folder: string): Promise<string | undefined> {
  try {
    const { settings } = await SearchRun.open(sqliteStore(folder, { mustExist: true }));
    return (settings.evaluation as { readonly profile?: string }).profile;
  } catch (error) {
    if (error instanceof ConfigError || error instanceof DataError) return undefined;
    throw error;
  }
}

/**
 * Also finds out, before any worker starts, whether there is such a back end. Where the recorded profile is not
 * available, the newest is taken, and the search asks whether other rounding is meant.
 */
async function chooseBackend(
  choice: LocalSearchOptions["backend"],
  recorded: string | undefined,
): Promise<{ readonly backend: BackendModule; readonly profile: string }> {
  const open = async (module: BackendModule): Promise<{ backend: BackendModule; profile: string }> => {
    const backend = await createBackend(module);
    const { id } = backend.profile;
    await backend.dispose();
    return { backend: module, profile: id };
  };
  if (typeof choice !== "function") return open(choice);
  if (recorded === undefined) return open(choice());
  return open(choice(recorded)).catch((error: unknown) => {
    if (!(error instanceof RunnerError)) throw error;
    return open(choice());
  });
}
