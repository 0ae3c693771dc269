import { parentPort, workerData } from "node:worker_threads";
import type { EpochReport } from "../runner.ts";
import type { EvaluatorModule, WorkerMessage, WorkerRequest, WorkerStart } from "./messages.ts";

const port = parentPort!;
const post = (message: WorkerMessage): void => port.postMessage(message);
const { module, options } = workerData as WorkerStart;

const evaluator = await ((await import(module)) as EvaluatorModule).createEvaluator(options);

port.on("message", ({ architecture, seed }: WorkerRequest) => {
  const onEpoch = (report: EpochReport): void => post({ type: "epoch", ...report });
  Promise.resolve()
    .then(() => evaluator.evaluate(architecture, { seed, onEpoch }))
    .then(
      (evaluation) => post({ type: "done", evaluation }),
      (error: unknown) => post({ type: "error", message: error instanceof Error ? error.message : String(error) }),
    );
});
post({ type: "ready" });
