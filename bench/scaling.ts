import type { Architecture } from "../engine/architecture.ts";
import { Model } from "../engine/model.ts";
import { createWasmBackend, type WasmOptions } from "../kernels/wasm/node/index.ts";
import { feedsOf, networkGraph } from "./networks.ts";
import type { NetworkRow, ScalingRow } from "./rows.ts";
import { median } from "./statistics.ts";

export interface ScalingOptions {
  readonly variant: NonNullable<WasmOptions["variant"]>;
  readonly batch: number;
  readonly threads: number;
  /** Time to spend. Default 5. */
  readonly seconds?: number;
}

/** Seconds of a turn. */
const turn = 0.25;

/** The same step on one thread and on several, in turns of the same length. */
export async function benchScaling(
  suite: NetworkRow["suite"],
  architecture: Architecture,
  { variant, batch, threads, seconds = 5 }: ScalingOptions,
): Promise<ScalingRow> {
  const model = Model.fromArchitecture(architecture);
  const graph = networkGraph(suite, model, batch);
  const feeds = feedsOf(graph, model.classes);
  const backends = [
    await createWasmBackend({ variant, threads: 1, inline: true }),
    await createWasmBackend({ variant, threads }),
  ] as const;
  try {
    const steps = await Promise.all(
      backends.map(async (backend) => {
        const program = await backend.compile(graph);
        await program.run(feeds);
        return () => program.run();
      }),
    );
    const [one, all] = steps as [() => Promise<void>, () => Promise<void>];
    await timesOf(one);
    await timesOf(all);
    const rounds: { one: number[]; all: number[] }[] = [];
    for (const end = performance.now() + 1000 * seconds; rounds.length < 3 || performance.now() < end;)
      rounds.push({ one: await timesOf(one), all: await timesOf(all) });
    const times = rounds.flatMap((round) => round.all);
    const alone = rounds.flatMap((round) => round.one);
    const { name, variant: ran } = backends[1];
    return {
      suite: "scaling",
      of: suite,
      arch: architecture.name,
      ...{ backend: name, variant: ran, threads, batch },
      ...{ minimum: Math.min(...times), median: median(times), samples: times.length },
      imagesPerSecond: batch / median(times),
      oneThreadImagesPerSecond: batch / median(alone),
      scaling: median(rounds.map((round) => median(round.one) / median(round.all))),
      bestScaling: Math.min(...alone) / Math.min(...times),
    };
  } finally {
    for (const backend of backends) await backend.dispose();
  }
}

/** Seconds of each step of a turn. */
async function timesOf(step: () => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  for (const end = performance.now() + 1000 * turn; times.length < 2 || performance.now() < end;) {
    const start = performance.now();
    await step();
    times.push((performance.now() - start) / 1000);
  }
  return times;
}
