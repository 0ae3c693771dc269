import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Architecture } from "../../engine/architecture.ts";
import { ConfigError, FinchError } from "../../engine/errors.ts";
import { RunnerError, type Evaluation, type EvaluationRequest, type Runner } from "../runner.ts";
import type { Settings } from "../run-store.ts";
import type { WorkerMessage, WorkerRequest, WorkerStart } from "./messages.ts";

export interface WorkerPoolOptions extends WorkerStart {
  /** Workers, each with one candidate at a time. Default: one per core. */
  readonly jobs?: number;
  /** What the evaluations depend on; frozen with the run. */
  readonly settings?: Settings;
  /** A candidate that takes longer, the start of its worker not counted, is failed and the worker replaced. Default: none. */
  readonly timeoutSeconds?: number | undefined;
}

/**
 * Evaluates candidates in worker threads. A worker lives as long as the pool; one that crashes, exits or is stopped in
 * the middle of a candidate fails that candidate alone and is replaced. (Plain `worker_threads`: the pools of npm
 * leave a job waiting for ever when its worker exits without an error event.)
 *
 * @throws ConfigError for a number of jobs that is not positive
 */
export function workerPoolRunner(options: WorkerPoolOptions): Runner {
  const { module, options: evaluatorOptions, settings = {}, timeoutSeconds } = options;
  const jobs = options.jobs ?? availableParallelism();
  if (!Number.isInteger(jobs) || jobs < 1)
    throw new ConfigError(`worker pool: jobs must be a positive whole number, got ${jobs}`);
  const all = new Set<EvaluationWorker>();
  const idle: EvaluationWorker[] = [];
  let closed = false;

  async function evaluate(architecture: Architecture, request: EvaluationRequest): Promise<Evaluation> {
    request.signal?.throwIfAborted();
    if (closed) throw new RunnerError("worker pool: is closed");
    let worker = idle.pop();
    while (worker !== undefined && !worker.alive) worker = idle.pop();
    worker ??= startWorker({ module, options: evaluatorOptions });
    all.add(worker);
    try {
      return await worker.evaluate(architecture, request, timeoutSeconds);
    } finally {
      if (worker.alive && !closed) idle.push(worker);
      else all.delete(worker);
    }
  }

  return {
    jobs,
    settings,
    evaluate,
    async close() {
      closed = true;
      await Promise.all([...all].map((worker) => worker.stop()));
    },
  };
}

interface EvaluationWorker {
  readonly alive: boolean;
  evaluate(
    architecture: Architecture,
    request: EvaluationRequest,
    timeoutSeconds: number | undefined,
  ): Promise<Evaluation>;
  stop(): Promise<void>;
}

function startWorker(start: WorkerStart): EvaluationWorker {
  const thread = new Worker(new URL("./worker.ts", import.meta.url), { workerData: start });
  let alive = true;
  let ready = false;
  let crash: Error | undefined;
  let onReady = (): void => {};
  let receive: (outcome: Error | Exclude<WorkerMessage, { type: "ready" }>) => void = () => {};

  thread.on("message", (message: WorkerMessage) => {
    if (message.type !== "ready") return receive(message);
    ready = true;
    onReady();
  });
  thread.on("error", (error: unknown) => {
    crash = error instanceof Error ? error : new Error(String(error));
  });
  thread.on("exit", (code) => {
    alive = false;
    crash ??= new Error(`exit code ${code}`);
    receive(ready ? new FinchError(`the worker crashed: ${crash.message}`) : new RunnerError(crash.message));
  });

  return {
    get alive() {
      return alive;
    },
    evaluate(architecture, { seed, signal, onEpoch }, timeoutSeconds) {
      const { promise, resolve, reject } = Promise.withResolvers<Evaluation>();
      const abort = (reason: Error): void => {
        alive = false;
        reject(reason);
        void thread.terminate();
      };
      const onAbort = (): void => abort(signal!.reason as Error);
      let timer: NodeJS.Timeout | undefined;
      onReady = () => {
        if (timeoutSeconds === undefined) return;
        const timeout = (): void => abort(new FinchError(`timed out after ${timeoutSeconds} s`));
        timer = setTimeout(timeout, timeoutSeconds * 1000);
      };
      if (ready) onReady();
      signal?.addEventListener("abort", onAbort, { once: true });
      receive = (outcome) => {
        if (outcome instanceof Error) reject(outcome);
        else if (outcome.type === "epoch") onEpoch?.(outcome);
        else if (outcome.type === "done") resolve(outcome.evaluation);
        else reject(new FinchError(outcome.message));
      };
      thread.ref();
      if (!alive) reject(new RunnerError(crash?.message ?? "the worker has ended"));
      else thread.postMessage({ architecture, seed } satisfies WorkerRequest);
      return promise.finally(() => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        receive = () => {};
        onReady = () => {};
        thread.unref();
      });
    },
    async stop() {
      alive = false;
      await thread.terminate();
    },
  };
}
