import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { peakModule } from "./peak-module.ts";
import type { PeakMeasured, PeakTask } from "./peak-worker.ts";

/** The most that some threads of this machine do together. */
export interface Peak {
  readonly threads: number;
  readonly gflops: number;
  readonly gigabytesPerSecond: number;
}

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

/** How close to a machine's peak some work came. */
export interface Roofline {
  /** A multiply-accumulate counts as two operations; null for work that multiplies little. */
  readonly gflops: number | null;
  /** Bytes that must cross between core and memory at least: what is read and what is written, once. */
  readonly bytes: number;
  readonly gigabytesPerSecond: number;
  /** What the work would take at the peak, as a share of what it took. Above 1 when memory is in truth a cache. */
  readonly fractionOfPeak: number | null;
  /** Which of both peaks that was. */
  readonly bound: "compute" | "memory" | null;
}

export function roofline(
  { flops, bytes }: { readonly flops: number; readonly bytes: number },
  seconds: number,
  peak: Peak | null,
): Roofline {
  const gflops = flops === 0 ? null : flops / seconds / 1e9;
  const gigabytesPerSecond = bytes / seconds / 1e9;
  if (peak === null) return { gflops, bytes, gigabytesPerSecond, fractionOfPeak: null, bound: null };
  const compute = (gflops ?? 0) / peak.gflops;
  const memory = gigabytesPerSecond / peak.gigabytesPerSecond;
  const bound = compute >= memory ? "compute" : "memory";
  return { gflops, bytes, gigabytesPerSecond, fractionOfPeak: Math.max(compute, memory), bound };
}
