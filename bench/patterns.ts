import type { Architecture } from "../engine/architecture.ts";
import { Model } from "../engine/model.ts";
import type { GpuBackend, LaunchTime } from "../kernels/gpu/index.ts";
import { feedsOf, networkGraph } from "./networks.ts";
import type { PatternRow } from "./rows.ts";

const repetitions = 3;

/** Where the time of a training step on a GPU goes, by pattern of its kernels. On `webgpu` alone. */
export async function benchPatterns(
  architecture: Architecture,
  { backend, batch }: { readonly backend: GpuBackend; readonly batch: number },
): Promise<PatternRow[]> {
  const model = Model.fromArchitecture(architecture);
  const graph = networkGraph("train", model, batch);
  const program = await backend.compile(graph);
  try {
    await program.run(feedsOf(graph, model.classes));
    const runs: (readonly LaunchTime[])[] = [];
    for (let repetition = 0; repetition < repetitions; repetition++) runs.push(await program.trace());
    const launches = runs[0]!.map((launch, index) => ({
      ...launch,
      seconds: Math.min(...runs.map((run) => run[index]!.seconds)),
    }));
    const total = launches.reduce((sum, { seconds }) => sum + seconds, 0);
    return [...new Set(launches.map(({ pattern }) => pattern))].map((pattern) => {
      const own = launches.filter((launch) => launch.pattern === pattern);
      const seconds = own.reduce((sum, launch) => sum + launch.seconds, 0);
      return {
        ...{ suite: "patterns", arch: architecture.name, variant: backend.variant, batch, pattern },
        launches: own.length,
        seconds,
        share: seconds / total,
        bytes: own.reduce((sum, { bytes }) => sum + bytes, 0),
      };
    });
  } finally {
    await program.dispose();
  }
}
