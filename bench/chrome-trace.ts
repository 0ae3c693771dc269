import type { StepTime } from "../kernels/wasm/program.ts";
import { threadsOf } from "./step-costs.ts";

/**
 * A run in the Trace Event Format (JSON, for chrome://tracing or ui.perfetto.dev), with a track for each thread. Gaps
 * are where a thread waits for the others.
 */
export function chromeTrace(steps: readonly StepTime[], { name }: { readonly name: string }): object {
  const start = Math.min(...steps.flatMap(({ spans }) => spans.map(({ begin }) => begin)));
  const about = { ph: "M", pid: 1 };
  const threads = Array.from({ length: threadsOf(steps) }, (_, thread) => ({
    ...{ ...about, name: "thread_name", tid: thread + 1, args: { name: `thread ${thread + 1}` } },
  }));
  const events = steps.flatMap(({ ops, kernel, bytes, spans }) =>
    spans.map(({ thread, begin, end }) => ({
      ...{ name: opNames(ops), cat: kernel, ph: "X", pid: 1, tid: thread + 1 },
      ...{ ts: 1000 * (begin - start), dur: 1000 * (end - begin), args: { kernel, bytes } },
    })),
  );
  return {
    displayTimeUnit: "ms",
    traceEvents: [{ ...about, name: "process_name", tid: 1, args: { name: `finch: ${name}` } }, ...threads, ...events],
  };
}

/** Names of ops that run as one; none are copies of new state. */
export function opNames(ops: readonly { readonly op: string }[]): string {
  return ops.length === 0 ? "assign" : [...new Set(ops.map(({ op }) => op))].join("+");
}
