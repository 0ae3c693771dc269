export { limitViolation, type CostModel, type CostName, type Costs, type Limits } from "./costs.ts";
export { Draw } from "./draw.ts";
export { dominates, paretoFront, pickWinners, type ObjectiveName, type Preference, type Scored } from "./front.ts";
export type { Json } from "./json.ts";
export { createSampler, type Candidate, type Sampler, type SamplerOptions } from "./sampler.ts";
export {
  boolean,
  choice,
  group,
  integer,
  oneOf,
  optional,
  repeat,
  type Parameter,
  type ValueOf,
} from "./space/parameter.ts";
export { hybrid, hybridSpace, presets, resnetSpace, type BodyPattern, type HybridOptions } from "./space/presets.ts";
export {
  assertSpace,
  defineSpace,
  type Individual,
  type Space,
  type SpaceDefinition,
  type Task,
} from "./space/space.ts";
export { ageingEvolution, type AgeingEvolutionOptions } from "./strategies/ageing-evolution.ts";
export { randomSearch } from "./strategies/random-search.ts";
export type { FinishedTrial, Proposal, ProposalContext, Strategy } from "./strategies/strategy.ts";
export { memoryStore } from "./memory-store.ts";
export type { OpenStore, RetrainedModel, RunStore, Settings, Trial } from "./run-store.ts";
export { RunnerError, type Evaluation, type EvaluationRequest, type Evaluator, type Runner } from "./runner.ts";
export { retrainResultSchema, searchResultSchema, type RetrainResult, type SearchResult } from "./schema.ts";
export { search, type SearchEvent, type SearchOptions } from "./search.ts";
export {
  SearchRun,
  type FrontMember,
  type Retrainer,
  type RetrainEvent,
  type RetrainOptions,
  type RetrainRequest,
} from "./search-run.ts";
