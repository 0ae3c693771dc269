import type { Architecture } from "../../engine/architecture.ts";
import type { EpochReport, Evaluation, Evaluator } from "../runner.ts";

/** What a worker is started with. */
export interface WorkerStart {
  /** URL of a module that exports `createEvaluator`. */
  readonly module: string;
  /** Its argument. Cloned into each worker; memory of SharedArrayBuffers is shared. */
  readonly options: unknown;
}

/** What an evaluator module exports. */
export interface EvaluatorModule<O = unknown> {
  createEvaluator(options: O): Promise<Evaluator> | Evaluator;
}

export interface WorkerRequest {
  readonly architecture: Architecture;
  readonly seed: number;
}

export type WorkerMessage =
  | { readonly type: "ready" }
  | ({ readonly type: "epoch" } & EpochReport)
  | { readonly type: "done"; readonly evaluation: Evaluation }
  | { readonly type: "error"; readonly message: string };
