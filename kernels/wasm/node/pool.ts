import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { BackendError } from "../../../engine/errors.ts";
import {
  cell,
  controlAddress,
  controlWords,
  endProgram,
  patienceFor,
  type WorkerMessage,
  type WorkerTask,
} from "../control.ts";
import type { Heap } from "../heap.ts";
import { inlineRunner } from "../inline.ts";
import { runCount, type Runner } from "../program.ts";

/**
 * Workers that stay for the life of the back end and run every program in step. The calling thread only waits, but for
 * programs that take less time than waking a worker and being woken: those it runs itself.
 */
export async function workerPool(module: WebAssembly.Module, heap: Heap, threads: number): Promise<Runner> {
  const pool = new WorkerPool(module, heap, threads);
  await pool.ready;
  return pool;
}

class WorkerPool implements Runner {
  readonly threads: number;
  readonly ready: Promise<void>;
  readonly #workers: Worker[];
  readonly #cells: Int32Array;
  readonly #inline: Runner;
  readonly #heap: Heap;
  #started = 0;
  #fail: (error: BackendError) => void = () => undefined;
  #failure: BackendError | undefined;
  #disposed = false;

  constructor(module: WebAssembly.Module, heap: Heap, threads: number) {
    this.threads = threads;
    this.#heap = heap;
    this.#inline = inlineRunner(module, heap);
    this.#cells = heap.words(controlAddress, controlWords);
    this.#cells[cell.patience] = patienceFor(threads, availableParallelism());
    const file = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);
    this.#workers = Array.from({ length: threads }, (_, thread) => {
      const task: WorkerTask = { module, memory: heap.memory, thread, threads };
      return new Worker(file, { workerData: task, name: `finch-wasm-${thread}`, execArgv: [] });
    });
    const ready = this.#workers.map(
      (worker) =>
        new Promise<void>((resolve, reject) => {
          worker.on("message", (message: WorkerMessage) => {
            if ("ready" in message) resolve();
            else reject(this.#stop(`a worker failed: ${message.failed}`));
          });
          worker.on("error", (error) => reject(this.#stop(`a worker failed: ${String(error)}`)));
          worker.on("exit", () => reject(this.#stop("a worker ended")));
        }),
    );
    this.ready = Promise.all(ready).then(() => this.#workers.forEach((worker) => worker.unref()));
  }

  async execute(program: number, small = false): Promise<void> {
    if (this.#disposed) throw new BackendError("wasm: the back end was disposed");
    if (this.#failure !== undefined) throw this.#failure;
    if (small) return this.#inline.execute(program);
    const before = this.#started;
    this.#started = (before + 1) | 0;
    Atomics.store(this.#cells, cell.arrived, 0);
    this.#heap.words(program + runCount, 1)[0]! += 1;
    Atomics.store(this.#cells, cell.program, program | 0);
    const wait = Atomics.waitAsync(this.#cells, cell.finished, before);
    Atomics.store(this.#cells, cell.started, this.#started);
    Atomics.notify(this.#cells, cell.started);
    if (!wait.async) return;
    // A pending waitAsync does not keep the process alive; a referenced worker does.
    this.#workers[0]!.ref();
    try {
      await Promise.race([wait.value, new Promise<never>((_, reject) => (this.#fail = reject))]);
    } finally {
      this.#workers[0]!.unref();
    }
  }

  /** Threads that wait at a barrier for the one that failed would wait for ever: all end. */
  #stop(reason: string): BackendError {
    if (this.#failure !== undefined) return this.#failure;
    this.#failure = new BackendError(`wasm: ${reason}`);
    if (!this.#disposed) {
      for (const worker of this.#workers) void worker.terminate();
      this.#fail(this.#failure);
    }
    return this.#failure;
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#fail(new BackendError("wasm: the back end was disposed while a program ran"));
    Atomics.store(this.#cells, cell.program, endProgram);
    Atomics.add(this.#cells, cell.started, 1);
    Atomics.notify(this.#cells, cell.started);
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
