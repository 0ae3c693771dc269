import type { Architecture } from "../engine/architecture.ts";
import type { Backend } from "../engine/backend.ts";
import { ConfigError } from "../engine/errors.ts";
import type { Graph } from "../engine/graph.ts";
import { Model } from "../engine/model.ts";
import { isMultiplying, opMacs } from "../engine/plan/macs.ts";
import { WasmProgram, type StepTime } from "../kernels/wasm/program.ts";
import { measure } from "./benny.ts";
import { opNames } from "./chrome-trace.ts";
import { layerPasses, type LayerPass } from "./layers.ts";
import { feedsOf, networkGraph } from "./networks.ts";
import { roofline, type Peak } from "./roofline.ts";
import type { NetworkRow, ProfileRow } from "./rows.ts";
import { stepCosts, sum, type StepCost } from "./step-costs.ts";

export interface ProfileOptions {
  readonly backend: Backend;
  readonly batch: number;
  readonly peak: Peak | null;
  /** Profiled steps. Default 8. */
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
  /** Sum of the rows: of each stretch between barriers the shortest of all profiled steps. */
  readonly profiledSeconds: number;
  /** The shortest profiled step. */
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
    const runs: (readonly StepTime[])[] = [];
    for (let repetition = 0; repetition < repetitions; repetition++) runs.push(await program.trace());
    const costs = stepCosts(runs);
    const profiledSeconds = sum(costs.map((cost) => cost.seconds));
    const about = { suite: "profile", by, of: suite, arch: architecture.name, backend: backend.name } as const;
    const where = { variant: backend.variant, threads: backend.threads, batch };
    const groups = by === "op" ? byOp(costs) : byLayer(costs, graph);
    const rows = groups.map(({ own, ...what }): ProfileRow => {
      const spent = sum(own.map((cost) => cost.seconds));
      const nodes = [...new Set(own.flatMap(({ ops }) => ops))];
      const work = { flops: 2 * sum(nodes.map(opMacs)), bytes: sum(own.map(({ bytes }) => bytes)) };
      const busySeconds = own[0]!.busySeconds.map((_, thread) => sum(own.map((cost) => cost.busySeconds[thread]!)));
      return {
        ...about,
        ...where,
        ...what,
        kernels: [...new Set(own.map(({ kernel }) => kernel))],
        calls: own.length,
        seconds: spent,
        share: spent / profiledSeconds,
        busySeconds,
        waiting: 1 - sum(busySeconds) / (busySeconds.length * spent),
        ...roofline(work, spent, peak),
      };
    });
    if (by === "op") rows.sort((a, b) => b.seconds - a.seconds);
    const duration = (run: readonly StepTime[]): number => sum(stepCosts([run]).map((cost) => cost.seconds));
    const timeline = runs.reduce((a, b) => (duration(b) < duration(a) ? b : a));
    return { rows, stepSeconds: median, profiledSeconds, timeline };
  } finally {
    await program.dispose();
  }
}

/** Steps that share a row. */
interface Group extends Pick<ProfileRow, "op" | "pass" | "shape" | "layer"> {
  readonly own: readonly StepCost[];
}

function byOp(costs: readonly StepCost[]): Group[] {
  const groups = Map.groupBy(costs, ({ ops }) => ops.find(({ op }) => isMultiplying(op))?.op ?? opNames(ops));
  return [...groups].map(([op, own]) => ({ op, pass: null, shape: null, layer: null, own }));
}

const passNames = ["forward", "input gradient", "filter gradient", "weight gradient", "gradient", "update"];
const passOrder = ({ pass }: Pass): number => passNames.indexOf(pass);

type Pass = Omit<LayerPass, "op"> & { readonly op: string };

/** In the order of the network, a layer's gradients behind it. What ops do as one is the layer's that multiplies, or the last one's. */
function byLayer(costs: readonly StepCost[], graph: Graph): Group[] {
  const passes = layerPasses(graph);
  const copies: Pass = { op: "assign", pass: "update", shape: "", name: null, position: Infinity };
  const passOf = ({ ops }: StepCost): Pass => {
    const main = ops.find(({ op }) => isMultiplying(op)) ?? ops.findLast((node) => passes.has(node));
    return main === undefined ? copies : passes.get(main)!;
  };
  const keyOf = ({ position, pass, op, shape }: Pass): string => [position, pass, op, shape].join();
  return [...Map.groupBy(costs, (cost) => keyOf(passOf(cost))).values()]
    .map((own) => ({ own, layer: passOf(own[0]!) }))
    .sort((a, b) => a.layer.position - b.layer.position || passOrder(a.layer) - passOrder(b.layer))
    .map(({ own, layer: { op, pass, shape, name } }) => ({
      op: isMultiplying(op) ? op : opNames(own.flatMap(({ ops }) => ops.map((node) => passes.get(node)!))),
      ...{ pass, shape, layer: name, own },
    }));
}
