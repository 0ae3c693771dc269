export type { BackendModule } from "./backend-module.ts";
export { inProcessRunner, type InProcessOptions } from "./in-process.ts";
export { loadSpace } from "./load-space.ts";
export { localSearch, type LocalSearchOptions } from "./local-search.ts";
export type { EvaluatorModule } from "./messages.ts";
export type { ProxyTraining } from "./train-evaluator.ts";
export { trainRetrainer, type TrainRetrainerOptions } from "./train-retrainer.ts";
export { workerPoolRunner, type WorkerPoolOptions } from "./worker-pool.ts";
export { sqliteStore, type SqliteStoreOptions } from "../store/sqlite.ts";
