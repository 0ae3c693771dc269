import { ConfigError } from "../engine/errors.ts";
import type { Costs, Limits } from "./costs.ts";
import { paretoFront, pickWinners, type ObjectiveName, type Preference } from "./front.ts";
import { canonicalJson } from "./json.ts";
import type { OpenStore, RetrainedModel, Settings, Trial } from "./run-store.ts";
import type { RetrainResult, SearchResult } from "./schema.ts";
import type { FinishedTrial } from "./strategies/strategy.ts";

/** A trained candidate together with its record. */
export interface FrontMember extends FinishedTrial {
  readonly architecture: Trial["architecture"];
  readonly trial: Trial;
}

export interface RetrainRequest {
  readonly epochs: number;
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly onEpoch?: (report: { readonly epoch: number; readonly validationAccuracy: number }) => void;
}

/** Trains a winner in full and keeps its checkpoint in the run. */
export interface Retrainer {
  /** What the result depends on, beside epochs and seed. */
  readonly settings: Settings;
  retrain(member: FrontMember, request: RetrainRequest): Promise<Omit<RetrainedModel, "id" | "settings">>;
  /** What a model costs, which is less than its candidate where channels were left out; by default as much. */
  costs?(model: RetrainedModel): Promise<Pick<Costs, "parameters" | "macs">>;
  /** Makes a model the one that the run stands for. */
  promote?(model: RetrainedModel): Promise<void>;
}

export interface RetrainOptions {
  /** How many winners. Default 1. */
  readonly top?: number;
  readonly epochs: number;
  readonly seed?: number;
  /** How winners are picked from the front. Default: by accuracy. */
  readonly preference?: Preference;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: RetrainEvent) => void;
}

export type RetrainEvent =
  | { readonly type: "started"; readonly id: string; readonly place: number; readonly count: number }
  | { readonly type: "epoch"; readonly id: string; readonly epoch: number; readonly validationAccuracy: number }
  | { readonly type: "finished"; readonly id: string; readonly model: RetrainedModel };

interface SearchRunOptions {
  readonly trials: readonly Trial[];
  readonly settings: Settings;
  readonly objectives: readonly ObjectiveName[];
  readonly limits: Limits;
  readonly resumed: boolean;
  readonly location: string | null;
  readonly openStore: OpenStore;
  readonly retrainer?: Retrainer | undefined;
}

/** What a search found. */
export class SearchRun {
  /** All candidates, by index. */
  readonly trials: readonly Trial[];
  /** What the run is frozen to: space, data, strategy, limits, objectives, seed, evaluation. */
  readonly settings: Settings;
  readonly objectives: readonly ObjectiveName[];
  readonly limits: Limits;
  /** Whether an earlier sitting had begun it. */
  readonly resumed: boolean;
  /** Folder of the run; null when it is only in memory. */
  readonly location: string | null;
  readonly #openStore: OpenStore;
  readonly #retrainer: Retrainer | undefined;

  constructor({ trials, settings, objectives, limits, resumed, location, openStore, retrainer }: SearchRunOptions) {
    this.trials = trials;
    this.settings = settings;
    this.objectives = objectives;
    this.limits = limits;
    this.resumed = resumed;
    this.location = location;
    this.#openStore = openStore;
    this.#retrainer = retrainer;
  }

  /** The run that a store holds, as far as it has come. @throws ConfigError when it holds none */
  static async open(openStore: OpenStore, { retrainer }: { readonly retrainer?: Retrainer } = {}): Promise<SearchRun> {
    const store = await openStore();
    try {
      const settings = await store.configuration();
      if (settings === undefined) throw new ConfigError(`${store.location ?? "run"}: holds no search`);
      return new SearchRun({
        trials: await store.trials(),
        settings,
        objectives: settings.objectives as readonly ObjectiveName[],
        limits: settings.limits as Limits,
        resumed: true,
        location: store.location,
        openStore,
        retrainer,
      });
    } finally {
      await store.close();
    }
  }

  /** Trained candidates within the limits that no other dominates, most accurate first. */
  front(objectives: readonly ObjectiveName[] = this.objectives): FrontMember[] {
    return paretoFront(finishedTrials(this.trials), objectives, this.limits);
  }

  /** The most accurate member of the front; undefined when every candidate failed. */
  get best(): FrontMember | undefined {
    return this.front()[0];
  }

  /** Winners to go on with. */
  winners(count: number, preference?: Preference): FrontMember[] {
    return pickWinners(this.front(), count, this.objectives, preference);
  }

  /** The run as `--json` prints it. */
  result(): SearchResult {
    const ended = this.trials.filter(({ status }) => status !== "running");
    return {
      evaluated: ended.length,
      failed: ended.filter(({ status }) => status === "failed").length,
      resumed: this.resumed,
      front: this.front().map(({ id, costs, validationAccuracy, architecture }) => ({
        id,
        ...costs,
        validationAccuracy,
        architecture,
      })),
      best: this.best?.id ?? null,
      run: this.location,
    };
  }

  /**
   * Trains the winners in full. A winner that the run holds with the same settings already is not trained again.
   *
   * @throws ConfigError without a retrainer or without any winner; the signal's reason when that is aborted
   */
  async retrain({
    top = 1,
    epochs,
    seed = 0,
    preference,
    signal,
    onEvent = () => {},
  }: RetrainOptions): Promise<RetrainResult> {
    const retrainer = this.#retrainer;
    if (retrainer === undefined) throw new ConfigError("retrain: the search was given no retrainer");
    const winners = this.winners(top, preference);
    if (winners.length === 0) throw new ConfigError("retrain: the run has no trained candidate");
    const store = await this.#openStore();
    try {
      const known = await store.models();
      const settings: Settings = { ...retrainer.settings, epochs, seed };
      const models: RetrainResult["models"] = [];
      for (const [place, member] of winners.entries()) {
        const { id, costs } = member;
        onEvent({ type: "started", id, place, count: winners.length });
        let model = known.find((other) => other.id === id && canonicalJson(other.settings) === canonicalJson(settings));
        if (model === undefined) {
          signal?.throwIfAborted();
          const onEpoch: RetrainRequest["onEpoch"] = (report) => onEvent({ type: "epoch", id, ...report });
          model = { id, settings, ...(await retrainer.retrain(member, { epochs, seed, signal, onEpoch })) };
          await store.saveModel(model);
        }
        onEvent({ type: "finished", id, model });
        const { checkpoint, validationAccuracy, testAccuracy } = model;
        const { parameters, macs } = (await retrainer.costs?.(model)) ?? costs;
        models.push({ id, checkpoint, parameters, macs, validationAccuracy, testAccuracy });
      }
      const [most] = (await store.models()).sort((a, b) => b.validationAccuracy - a.validationAccuracy);
      await retrainer.promote?.(most!);
      return { models };
    } finally {
      await store.close();
    }
  }
}

/** The trained ones among trials, in the order in which they finished. */
export function finishedTrials(trials: readonly Trial[]): FrontMember[] {
  return trials
    .filter((trial) => trial.status === "finished")
    .sort((a, b) => a.order! - b.order!)
    .map((trial) => ({
      id: trial.id,
      genotype: trial.genotype,
      costs: trial.costs,
      validationAccuracy: trial.evaluation!.validationAccuracy,
      architecture: trial.architecture,
      trial,
    }));
}
