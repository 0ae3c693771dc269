import type { DataSet } from "../engine/data/image-set.ts";
import { ConfigError } from "../engine/errors.ts";
import { randomBits, streams } from "../engine/random.ts";
import { settingDifferences } from "./configuration.ts";
import type { CostModel, Limits } from "./costs.ts";
import { Draw } from "./draw.ts";
import type { ObjectiveName } from "./front.ts";
import type { Json } from "./json.ts";
import { memoryStore } from "./memory-store.ts";
import type { OpenStore, RunStore, Settings, Trial, TrialProposal } from "./run-store.ts";
import { RunnerError, type EpochReport, type Evaluation, type Runner } from "./runner.ts";
import { createSampler, type Sampler, type Taken } from "./sampler.ts";
import { finishedTrials, SearchRun, type Retrainer } from "./search-run.ts";
import type { Space, Task } from "./space/space.ts";
import { ageingEvolution } from "./strategies/ageing-evolution.ts";
import type { Proposal, Strategy } from "./strategies/strategy.ts";

export interface SearchOptions {
  /** Candidates to evaluate, those of earlier sittings included. A begun run may be given a larger one. */
  readonly budget: number;
  readonly costs: CostModel;
  readonly runner: Runner;
  /** Hard upper bounds. */
  readonly limits?: Limits;
  /** Default: ageing evolution. */
  readonly strategy?: Strategy;
  /** What is made small. Default: error, MACs and parameters. */
  readonly objectives?: readonly ObjectiveName[];
  readonly seed?: number;
  /** Default: in memory. */
  readonly store?: OpenStore;
  /** Trains the winners; needed for `SearchRun.retrain`. */
  readonly retrainer?: Retrainer;
  /** Genotypes looked at for one proposal before giving up. */
  readonly tries?: number;
  /** Settings, by path, that may differ from those that the run was started with: `evaluation.profile`, say. */
  readonly mayDiffer?: readonly string[];
  /** Stops at once; what is finished is kept, candidates in flight start over when the run is resumed. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: SearchEvent) => void;
}

/** What happens during a search, for progress displays. `evaluated` counts all ended candidates of the run. */
export type SearchEvent =
  | { readonly type: "begun"; readonly resumed: boolean; readonly evaluated: number; readonly budget: number }
  | { readonly type: "started"; readonly trial: Trial }
  | ({ readonly type: "epoch"; readonly id: string } & EpochReport)
  | { readonly type: "finished"; readonly trial: Trial; readonly evaluated: number; readonly budget: number }
  | { readonly type: "failed"; readonly trial: Trial; readonly evaluated: number; readonly budget: number }
  | { readonly type: "exhausted"; readonly evaluated: number };

/**
 * Searches a space for networks that suit the data: proposes candidates within the limits, has them trained, keeps all
 * in the store. Called again with the same settings and store it continues where it stopped.
 *
 * @throws ConfigError when the store holds a run with other settings; LimitError when nothing keeps the limits;
 * RunnerError when nothing can be trained; the signal's reason when that is aborted
 */
export async function search(
  space: Space,
  data: Pick<DataSet, "name" | "input" | "classes" | "fingerprint">,
  options: SearchOptions,
): Promise<SearchRun> {
  const { budget, seed = 0, limits = {}, objectives = ["error", "macs", "parameters"], runner } = options;
  const { strategy = ageingEvolution(), store: openStore = memoryStore(), signal, onEvent = () => {} } = options;
  if (!Number.isInteger(budget) || budget < 1)
    throw new ConfigError(`search: budget must be a positive whole number, got ${budget}`);
  signal?.throwIfAborted();

  const task: Task = { input: data.input, classes: data.classes.length };
  const settings: Settings = {
    space: { name: space.name, fingerprint: space.fingerprint(task) },
    data: { name: data.name, fingerprint: data.fingerprint },
    strategy: { name: strategy.name, ...strategy.settings },
    limits: { ...limits },
    objectives: [...objectives],
    seed,
    evaluation: runner.settings,
  };
  const store = await openStore();
  try {
    const resumed = await freeze(store, settings, options.mayDiffer ?? []);
    const sampler = createSampler(space, task, options.costs, { limits, tries: options.tries });
    const state: SearchState = { trials: new Map((await store.trials()).map((trial) => [trial.id, trial])) };
    onEvent({ type: "begun", resumed, evaluated: endedTrials(state).length, budget });
    await store.setStatus("running");
    await evaluateAll({ store, sampler, strategy, objectives, limits, seed, budget, runner, signal, onEvent }, state);
    await store.setStatus("finished");
    return new SearchRun({
      trials: [...state.trials.values()],
      settings,
      objectives,
      limits,
      resumed,
      location: store.location,
      openStore,
      retrainer: options.retrainer,
    });
  } catch (error) {
    await store.setStatus(signal?.aborted ? "interrupted" : "failed").catch(() => {});
    throw error;
  } finally {
    await store.close();
  }
}

async function freeze(store: RunStore, settings: Settings, mayDiffer: readonly string[]): Promise<boolean> {
  const before = await store.configuration();
  if (before === undefined) {
    await store.configure(settings);
    return false;
  }
  const differences = settingDifferences(before, settings, mayDiffer);
  if (differences.length > 0) {
    const bits = differences.some((difference) => difference.startsWith("evaluation.profile "));
    throw new ConfigError(
      `${store.location ?? "run"}: was started with other settings: ${differences.join("; ")}. Repeat those, choose another --out, ${bits ? "go on with other rounding by --allow-different-bits, " : ""}or start anew with --fresh`,
    );
  }
  return true;
}

interface SearchState {
  readonly trials: Map<string, Trial>;
}

interface Loop {
  readonly store: RunStore;
  readonly sampler: Sampler;
  readonly strategy: Strategy;
  readonly objectives: readonly ObjectiveName[];
  readonly limits: Limits;
  readonly seed: number;
  readonly budget: number;
  readonly runner: Runner;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: (event: SearchEvent) => void;
}

function endedTrials(state: SearchState): Trial[] {
  return [...state.trials.values()].filter(({ order }) => order !== null);
}

/** Keeps `runner.jobs` candidates in flight until the budget is spent: first those that a killed process left. */
async function evaluateAll(loop: Loop, state: SearchState): Promise<void> {
  const { runner, store, budget, signal, onEvent } = loop;
  const stop = new AbortController();
  const combined = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const interrupted = [...state.trials.values()].filter(({ status }) => status === "running");
  const inFlight = new Set<Promise<void>>();
  let exhausted = false;

  async function next(): Promise<Trial | undefined> {
    const left = interrupted.shift();
    if (left !== undefined || exhausted || state.trials.size >= budget) return left;
    const proposed = propose(loop, state);
    if (proposed !== undefined) return store.add(proposed);
    exhausted = true;
    onEvent({ type: "exhausted", evaluated: endedTrials(state).length });
    return undefined;
  }

  async function run(trial: Trial): Promise<void> {
    onEvent({ type: "started", trial });
    const outcome = await evaluate(loop, trial, combined);
    const ended =
      typeof outcome === "string" ? await store.fail(trial.id, outcome) : await store.finish(trial.id, outcome);
    state.trials.set(trial.id, ended);
    const type = ended.status === "failed" ? "failed" : "finished";
    onEvent({ type, trial: ended, evaluated: endedTrials(state).length, budget });
  }

  try {
    for (;;) {
      while (inFlight.size < runner.jobs) {
        combined.throwIfAborted();
        const trial = await next();
        if (trial === undefined) break;
        state.trials.set(trial.id, trial);
        const running = run(trial).finally(() => inFlight.delete(running));
        inFlight.add(running);
      }
      if (inFlight.size === 0) return;
      await Promise.race(inFlight);
    }
  } finally {
    stop.abort();
    await Promise.allSettled(inFlight);
  }
}

/** The evaluation, or why there is none. @throws RunnerError; the signal's reason */
async function evaluate(loop: Loop, trial: Trial, signal: AbortSignal): Promise<Evaluation | string> {
  const { runner, onEvent } = loop;
  try {
    const onEpoch = (report: EpochReport) => onEvent({ type: "epoch", id: trial.id, ...report });
    const evaluation = await runner.evaluate(trial.architecture, { seed: trial.seed, signal, onEpoch });
    const { validationAccuracy, loss } = evaluation;
    if (Number.isFinite(loss) && Number.isFinite(validationAccuracy)) return evaluation;
    return `training diverged: loss ${loss}, validation accuracy ${validationAccuracy}`;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RunnerError) throw error;
    return error instanceof Error ? error.message : String(error);
  }
}

function propose(loop: Loop, state: SearchState): TrialProposal | undefined {
  const { strategy, sampler, objectives, limits, seed } = loop;
  const trials = [...state.trials.values()];
  const index = trials.length;
  const proposal = proposeTrial({ strategy, sampler, objectives, limits, seed }, trials, index);
  if (proposal === undefined) return undefined;
  const { candidate, origin, parent } = proposal;
  return {
    id: candidate.id,
    index,
    genotype: candidate.genotype as Json,
    architecture: candidate.architecture,
    costs: candidate.costs,
    origin,
    parent,
    seen: endedTrials(state).length,
    seed: randomBits(seed, streams.search, index, 1) >>> 1,
  };
}

/** What the strategy proposes as candidate `index` after these trials: a pure function of them and the seed. */
export function proposeTrial(
  {
    strategy,
    sampler,
    objectives,
    limits,
    seed,
  }: Pick<Loop, "strategy" | "sampler" | "objectives" | "limits" | "seed">,
  trials: readonly Trial[],
  index: number,
): Proposal | undefined {
  const taken: Taken = new Set(trials.map(({ id }) => id));
  return strategy.propose({
    index,
    finished: finishedTrials(trials),
    objectives,
    limits,
    draw: new Draw(streams.search, seed, index, 0),
    sample: () => sampler.sample(taken, seed, index),
    mutate: (parent, rate) => sampler.mutate(parent.genotype, rate, taken, seed, index),
  });
}
