/**
 * The cells through which a pool of workers is driven, in the first page of the memory, each on a cache line of its
 * own. A run is started by raising `started`; the worker that finishes last sets `finished` to the same number.
 */
export const controlAddress = 61440;
export const controlWords = 80;
/** `patience` is how often a thread looks whether the others have come to a barrier before it sleeps. */
export const cell = { started: 0, program: 16, arrived: 32, finished: 48, patience: 64 } as const;

/** Looks that take roughly 20 µs: longer than what threads differ by, shorter than sleeping and being woken. */
const barrierLooks = 30_000;

/** Threads that share a core must not look while the one that they wait for cannot run. */
export function patienceFor(threads: number, cores: number): number {
  return threads > cores ? 0 : barrierLooks;
}

/** The program that ends the workers. */
export const endProgram = 0;

/** What a worker is told when it starts. */
export interface WorkerTask {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly thread: number;
  readonly threads: number;
}

/** What a worker says: ready, or why it stopped. */
export type WorkerMessage = { readonly ready: true } | { readonly failed: string };

/**
 * The life of a worker: sleeps until a run is started, takes its part in it, and sleeps again. Looking for the next run
 * for a while first was measured to be slower: it keeps the calling thread from a core.
 */
export function serve(task: WorkerTask, run: (program: number, thread: number, threads: number) => void): void {
  const cells = new Int32Array(task.memory.buffer, controlAddress, controlWords);
  for (let seen = 0; ;) {
    Atomics.wait(cells, cell.started, seen);
    const started = Atomics.load(cells, cell.started);
    if (started === seen) continue;
    seen = started;
    const program = Atomics.load(cells, cell.program);
    if (program === endProgram) return;
    run(program, task.thread, task.threads);
    if (Atomics.add(cells, cell.arrived, 1) === task.threads - 1) {
      Atomics.store(cells, cell.finished, seen);
      Atomics.notify(cells, cell.finished);
    }
  }
}
