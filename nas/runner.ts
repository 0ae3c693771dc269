import type { Architecture } from "../engine/architecture.ts";
import { FinchError } from "../engine/errors.ts";
import type { Json } from "./json.ts";

/** What training a candidate gave. Accuracies are fractions. */
export interface Evaluation {
  readonly validationAccuracy: number;
  /** Training loss of the last epoch. */
  readonly loss: number;
  /** One entry per epoch, as the trainer reports it. */
  readonly history: readonly Json[];
  readonly seconds: number;
  /** What ran: back end, kernel variant, numerics profile. */
  readonly backend?: Readonly<Record<string, string>>;
}

/** One epoch of a candidate, for progress displays. */
export interface EpochReport {
  readonly epoch: number;
  /** Null where the epoch was not validated. */
  readonly validationAccuracy: number | null;
}

export interface EvaluationRequest {
  /** Decides the first weights, the order of the data, everything random. */
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly onEpoch?: (report: EpochReport) => void;
}

/** Trains and validates one candidate. Settings are bound when it is made. An error fails the candidate alone. */
export interface Evaluator {
  evaluate(architecture: Architecture, request: EvaluationRequest): Promise<Evaluation>;
  dispose?(): Promise<void>;
}

/** Evaluates candidates, at most `jobs` at a time. */
export interface Runner {
  readonly jobs: number;
  /** What the evaluations depend on; frozen with the run. */
  readonly settings: Readonly<Record<string, Json>>;
  /** @throws RunnerError when no candidate can be evaluated; any other error concerns this candidate */
  evaluate(architecture: Architecture, request: EvaluationRequest): Promise<Evaluation>;
  close(): Promise<void>;
}

/** The evaluator cannot work at all: its module, data or back end is missing. Ends the search. */
export class RunnerError extends FinchError {
  override readonly name = "RunnerError";
}
