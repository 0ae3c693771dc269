import type { Architecture } from "../engine/architecture.ts";
import type { Backend } from "../engine/backend.ts";
import { ConfigError } from "../engine/errors.ts";
import type { Graph } from "../engine/graph.ts";
import { Model } from "../engine/model.ts";
import { WasmProgram, type StepTime } from "../kernels/wasm/program.ts";
import { measure } from "./benny.ts";
import { isMultiplying, opFlops } from "./flops.ts";
import { feedsOf, networkGraph } from "./networks.ts";
import { roofline, type Peak } from "./peak.ts";
import type { NetworkRow, ProfileRow } from "./rows.ts";

export interface ProfileOptions {
  readonly backend: Backend;
  readonly batch: number;
  readonly peak: Peak | null;
  /** Profiled steps; of each part the shortest time counts. Default 8. */
  readonly repetitions?: number;
  /** How long the unprofiled step is measured. Default 1. */
  readonly seconds?: number;
}

export interface Profile {
  /** Longest first. */
  readonly rows: readonly ProfileRow[];
  /** Seconds of a step in which nothing is timed. */
  readonly stepSeconds: number;
  /** Sum of the parts: they run one by one, so threads cannot go ahead into the next one. */
  readonly profiledSeconds: number;
  /** The last profiled step, in the order of execution. */
  readonly timeline: readonly StepTime[];
}

/**
 * Where the time of a training step or of an inference goes, by op. Ops that run as one are one row, under the op that
 * multiplies if there is one.
 * @throws ConfigError on another back end than wasm
 */
export async function profileNetwork(
  suite: NetworkRow["suite"],
  architecture: Architecture,
  { backend, batch, peak, repetitions = 8, seconds = 1 }: ProfileOptions,
): Promise<Profile> {
  const model = Model.fromArchitecture(architecture);
  const graph = networkGraph(suite, model, batch);
  const program = await backend.compile(graph);
  try {
    if (!(program instanceof WasmProgram))
      throw new ConfigError(`bench --profile: the ${backend.name} back end cannot be profiled, wasm can`);
    await program.run(feedsOf(graph, model.classes));
    const { median } = await measure("step", () => program.run(), { seconds });
    let shortest: StepTime[] | undefined;
    let timeline: StepTime[] = [];
    for (let repetition = 0; repetition < repetitions; repetition++) {
      const times = (timeline = await program.profile());
      shortest =
        shortest === undefined
          ? times
          : times.map((time, at) => (time.milliseconds < shortest![at]!.milliseconds ? time : shortest![at]!));
    }
    const profiledSeconds = shortest!.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000;
    const about = { suite: "profile", of: suite, arch: architecture.name, backend: backend.name } as const;
    const where = { variant: backend.variant, threads: backend.threads, batch };
    const rows = groups(shortest!).map(([op, times]): ProfileRow => {
      const spent = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000;
      const work = { flops: flopsOf(graph, op), bytes: times.reduce((sum, { bytes }) => sum + bytes, 0) };
      return {
        ...about,
        ...where,
        op,
        kernels: [...new Set(times.map(({ kernel }) => kernel))],
        calls: times.length,
        seconds: spent,
        share: spent / profiledSeconds,
        ...roofline(work, spent, peak),
      };
    });
    rows.sort((a, b) => b.seconds - a.seconds);
    return { rows, stepSeconds: median, profiledSeconds, timeline };
  } finally {
    await program.dispose();
  }
}

function groups(times: readonly StepTime[]): [op: string, times: StepTime[]][] {
  const found = new Map<string, StepTime[]>();
  for (const time of times) {
    const op = time.op.split("+").find(isMultiplying) ?? time.op;
    found.set(op, [...(found.get(op) ?? []), time]);
  }
  return [...found];
}

function flopsOf(graph: Graph, op: string): number {
  return graph.ops.reduce((sum, node) => sum + (node.op === op ? opFlops(node) : 0), 0);
}

/**
 * A profiled step in the Trace Event Format (JSON, for chrome://tracing or ui.perfetto.dev). All threads share each part,
 * so there is one track.
 */
export function chromeTrace(timeline: readonly StepTime[], { name }: { readonly name: string }): object {
  let at = 0;
  const about = { ph: "M", pid: 1, tid: 1 };
  const events = timeline.map(({ op, kernel, milliseconds, bytes }) => {
    const ts = at;
    at += 1000 * milliseconds;
    return { name: op, cat: kernel, ph: "X", pid: 1, tid: 1, ts, dur: 1000 * milliseconds, args: { kernel, bytes } };
  });
  return {
    displayTimeUnit: "ms",
    traceEvents: [
      { ...about, name: "process_name", args: { name: `finch: ${name}` } },
      { ...about, name: "thread_name", args: { name: "all threads" } },
      ...events,
    ],
  };
}
