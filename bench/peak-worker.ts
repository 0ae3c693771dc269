import { parentPort, workerData } from "node:worker_threads";
import { dataStart, multiplyAdds, type PeakExports } from "./peak-module.ts";

/** What a thread is to measure, together with the others that wait at the same gate. */
export interface PeakTask {
  readonly module: WebAssembly.Module;
  /** Size of the data of one thread; copies take half of it. */
  readonly bytes: number;
  /** Threads that have come to the gate, all runs together. */
  readonly gate: SharedArrayBuffer;
  readonly threads: number;
  /** Seconds for each measurement. */
  readonly seconds: number;
}

/** Best of one thread while all threads do the same. */
export interface PeakMeasured {
  readonly gflops: number;
  /** Bytes that cross between core and memory: read, read and written in place, or copied, whichever is the most. */
  readonly gigabytesPerSecond: number;
}

const { module, bytes, gate, threads, seconds } = workerData as PeakTask;
const { narrow, wide, read, update, copy, memory } = new WebAssembly.Instance(module).exports as unknown as PeakExports;
new Float32Array(memory.buffer, 0, dataStart / 4).fill(1e-9);
const arrived = new Int32Array(gate);
let gates = 0;

function meet(): void {
  gates++;
  Atomics.add(arrived, 0, 1);
  Atomics.notify(arrived, 0);
  for (;;) {
    const count = Atomics.load(arrived, 0);
    if (count >= gates * threads) return;
    Atomics.wait(arrived, 0, count);
  }
}

/** Most units of work a second, over runs of some milliseconds. */
function best(work: number, run: () => void): number {
  for (let warmUp = 0; warmUp < 8; warmUp++) run();
  meet();
  let most = 0;
  for (const end = performance.now() + 1000 * seconds; performance.now() < end;) {
    const start = performance.now();
    run();
    most = Math.max(most, (1000 * work) / (performance.now() - start));
  }
  meet();
  return most;
}

const rounds = 5_000;
const flops = (floats: number): number => 2 * 10 * rounds * floats;
const tenTimes = (loop: (rounds: number) => void) => () => {
  for (let i = 0; i < 10; i++) loop(rounds);
};
const multiplied = [best(flops(multiplyAdds.narrow), tenTimes(narrow)), best(flops(multiplyAdds.wide), tenTimes(wide))];
const half = bytes / 2;
// Memory that was never written is one page for the processor.
const moved = [best(2 * bytes, () => update(bytes)), best(bytes, () => read(bytes)), best(2 * half, () => copy(half))];
const measured: PeakMeasured = {
  gflops: Math.max(...multiplied) / 1e9,
  gigabytesPerSecond: Math.max(...moved) / 1e9,
};
parentPort!.postMessage(measured);
