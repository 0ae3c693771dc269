import type { Architecture } from "../engine/architecture.ts";
import type { Backend } from "../engine/backend.ts";
import { ConfigError } from "../engine/errors.ts";
import type { Graph } from "../engine/graph.ts";
import { Model } from "../engine/model.ts";
import { WasmProgram, type StepTime } from "../kernels/wasm/program.ts";
import { measure } from "./benny.ts";
import { isMultiplying, opFlops } from "./flops.ts";
import { layerPasses, type LayerPass } from "./layers.ts";
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
  /** A row for each kind of op, longest first, or for each pass of each layer, in the order of the network. Default `"op"`. */
  readonly by?: ProfileRow["by"];
}

export interface Profile {
  readonly rows: readonly ProfileRow[];
  /** Seconds of a step in which nothing is timed. */
  readonly stepSeconds: number;
  /** Sum of the parts: they run one by one, so threads cannot go ahead into the next one. */
  readonly profiledSeconds: number;
  /** The last profiled step, in the order of execution. */
  readonly timeline: readonly StepTime[];
}

/**
 * Where the time of a training step or of an inference goes, by op or by layer. Ops that run as one are one row, under
 * the op that multiplies if there is one.
 * @throws ConfigError on another back end than wasm
 */
export async function profileNetwork(
  suite: NetworkRow["suite"],
  architecture: Architecture,
  { backend, batch, peak, repetitions = 8, seconds = 1, by = "op" }: ProfileOptions,
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
    const about = { suite: "profile", by, of: suite, arch: architecture.name, backend: backend.name } as const;
    const where = { variant: backend.variant, threads: backend.threads, batch };
    const groups = by === "op" ? byOp(shortest!) : byLayer(shortest!, graph);
    const rows = groups.map(({ times, ...what }): ProfileRow => {
      const spent = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000;
      const bytes = times.reduce((sum, each) => sum + each.bytes, 0);
      const nodes = [...new Set(times.flatMap(({ ops }) => ops))];
      const work = { flops: nodes.reduce((sum, node) => sum + opFlops(node), 0), bytes };
      return {
        ...about,
        ...where,
        ...what,
        kernels: [...new Set(times.map(({ kernel }) => kernel))],
        calls: times.length,
        seconds: spent,
        share: spent / profiledSeconds,
        ...roofline(work, spent, peak),
      };
    });
    if (by === "op") rows.sort((a, b) => b.seconds - a.seconds);
    return { rows, stepSeconds: median, profiledSeconds, timeline };
  } finally {
    await program.dispose();
  }
}

/** Steps that share a row. */
interface Group extends Pick<ProfileRow, "op" | "pass" | "shape" | "layer"> {
  readonly times: readonly StepTime[];
}

function grouped<K>(times: readonly StepTime[], keyOf: (time: StepTime) => K): Map<K, StepTime[]> {
  const found = new Map<K, StepTime[]>();
  for (const time of times) found.set(keyOf(time), [...(found.get(keyOf(time)) ?? []), time]);
  return found;
}

function byOp(times: readonly StepTime[]): Group[] {
  const groups = grouped(times, ({ ops }) => ops.find(({ op }) => isMultiplying(op))?.op ?? opNames(ops));
  return [...groups].map(([op, own]) => ({ op, pass: null, shape: null, layer: null, times: own }));
}

const passNames = ["forward", "input gradient", "filter gradient", "weight gradient", "gradient", "update"];
const passOrder = ({ pass }: Pass): number => passNames.indexOf(pass);

type Pass = Omit<LayerPass, "op"> & { readonly op: string };

/** In the order of the network, a layer's gradients behind it. What ops do as one is the layer's that multiplies, or the last one's. */
function byLayer(times: readonly StepTime[], graph: Graph): Group[] {
  const passes = layerPasses(graph);
  const copies: Pass = { op: "assign", pass: "update", shape: "", name: null, position: Infinity };
  const passOf = ({ ops }: StepTime): Pass => {
    const main = ops.find(({ op }) => isMultiplying(op)) ?? ops.findLast((node) => passes.has(node));
    return main === undefined ? copies : passes.get(main)!;
  };
  const keyOf = ({ position, pass, op, shape }: Pass): string => [position, pass, op, shape].join();
  return [...grouped(times, (time) => keyOf(passOf(time))).values()]
    .map((own) => ({ own, layer: passOf(own[0]!) }))
    .sort((a, b) => a.layer.position - b.layer.position || passOrder(a.layer) - passOrder(b.layer))
    .map(({ own, layer: { op, pass, shape, name } }) => ({
      op: isMultiplying(op) ? op : opNames(own.flatMap(({ ops }) => ops.map((node) => passes.get(node)!))),
      ...{ pass, shape, layer: name, times: own },
    }));
}

/** Names of ops that run as one; none are copies of new state. */
function opNames(ops: readonly { readonly op: string }[]): string {
  return ops.length === 0 ? "assign" : [...new Set(ops.map(({ op }) => op))].join("+");
}

/**
 * A profiled step in the Trace Event Format (JSON, for chrome://tracing or ui.perfetto.dev). All threads share each part,
 * so there is one track.
 */
export function chromeTrace(timeline: readonly StepTime[], { name }: { readonly name: string }): object {
  let at = 0;
  const about = { ph: "M", pid: 1, tid: 1 };
  const events = timeline.map(({ ops, kernel, milliseconds, bytes }) => {
    const ts = at;
    at += 1000 * milliseconds;
    return {
      name: opNames(ops),
      cat: kernel,
      ph: "X",
      pid: 1,
      tid: 1,
      ts,
      dur: 1000 * milliseconds,
      args: { kernel, bytes },
    };
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
