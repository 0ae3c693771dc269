import { parentPort, workerData } from "node:worker_threads";
import { serve, type WorkerMessage, type WorkerTask } from "../control.ts";
import { instantiate } from "../inline.ts";

const say = (message: WorkerMessage): void => parentPort!.postMessage(message);
const task = workerData as WorkerTask;
try {
  const { run } = instantiate(task.module, task.memory);
  say({ ready: true });
  serve(task, run);
} catch (error) {
  say({ failed: String(error) });
}
