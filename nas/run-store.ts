import type { Architecture } from "../engine/architecture.ts";
import type { Costs } from "./costs.ts";
import type { Json } from "./json.ts";
import type { Evaluation } from "./runner.ts";

export type Settings = Readonly<Record<string, Json>>;

/** What a candidate is when it is proposed. */
export interface TrialProposal {
  /** Hash of the genotype; no two trials of a run share it. */
  readonly id: string;
  /** Number of the proposal, from 0. */
  readonly index: number;
  readonly genotype: Json;
  readonly architecture: Architecture;
  readonly costs: Costs;
  readonly origin: string;
  readonly parent: string | null;
  /** How many trials had ended when it was proposed: those of `order` below this were seen. */
  readonly seen: number;
  readonly seed: number;
}

export interface Trial extends TrialProposal {
  readonly status: "running" | "finished" | "failed";
  /** Place among the ended trials, from 0; null while running. */
  readonly order: number | null;
  readonly evaluation: Evaluation | null;
  /** Why it failed. */
  readonly reason: string | null;
  /** ISO 8601, UTC. */
  readonly proposedAt: string;
  readonly endedAt: string | null;
}

/** A winner after retraining. */
export interface RetrainedModel {
  /** Identity of the candidate. */
  readonly id: string;
  /** Settings that it was retrained with. */
  readonly settings: Settings;
  /** Path of the checkpoint, relative to the run. */
  readonly checkpoint: string;
  readonly validationAccuracy: number;
  /** Null when no test images were used. */
  readonly testAccuracy: number | null;
}

export type RunStatus = "running" | "finished" | "interrupted" | "failed";

/**
 * Where a search keeps what it must not lose. Each call is durable when its promise resolves, and happens entirely or
 * not at all. One process writes at a time.
 */
export interface RunStore {
  /** Folder of the run; null when it is only in memory. */
  readonly location: string | null;
  /** What the run was started with; undefined for a new one. */
  configuration(): Promise<Settings | undefined>;
  configure(settings: Settings): Promise<void>;
  setStatus(status: RunStatus): Promise<void>;
  /** All trials, by index. */
  trials(): Promise<Trial[]>;
  /** Adds a running trial. @throws when its id or index is there already */
  add(proposal: TrialProposal): Promise<Trial>;
  /** Ends a running trial. */
  finish(id: string, evaluation: Evaluation): Promise<Trial>;
  fail(id: string, reason: string): Promise<Trial>;
  models(): Promise<RetrainedModel[]>;
  /** Adds a model or replaces the one of the same id and settings. */
  saveModel(model: RetrainedModel): Promise<void>;
  close(): Promise<void>;
}

/** Opens the store of a run, new or begun. @throws ConfigError when another process has it */
export type OpenStore = () => Promise<RunStore>;
