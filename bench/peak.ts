import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { peakModule } from "./peak-module.ts";
import type { PeakMeasured, PeakTask } from "./peak-worker.ts";
import type { Peak } from "./roofline.ts";

/** More than the caches hold. */
const dataBytes = 128 * 2 ** 20;

/**
 * Measures multiply-adds that stay in registers and passes over memory, on all threads at once.
 * @param variant of the wasm back end, which must exist already: it decides how wide V8's registers are
 */
export async function measurePeak(variant: string, threads: number, seconds = 0.1): Promise<Peak> {
  const bytes = Math.floor(dataBytes / threads / 512) * 512;
  const pages = Math.ceil((bytes + 4096) / 65536);
  const module = await WebAssembly.compile(peakModule({ fused: variant.includes("fma"), pages }));
  const gate = new SharedArrayBuffer(4);
  const task: PeakTask = { module, bytes, gate, threads, seconds };
  const file = new URL(import.meta.url.endsWith(".ts") ? "./peak-worker.ts" : "./peak-worker.js", import.meta.url);
  const workers = Array.from({ length: threads }, () => new Worker(file, { workerData: task, execArgv: [] }));
  const measured = await Promise.all(
    workers.map(async (worker) => {
      const [result] = (await once(worker, "message")) as [PeakMeasured];
      await worker.terminate();
      return result;
    }),
  );
  return {
    threads,
    gflops: measured.reduce((sum, { gflops }) => sum + gflops, 0),
    gigabytesPerSecond: measured.reduce((sum, { gigabytesPerSecond }) => sum + gigabytesPerSecond, 0),
  };
}
