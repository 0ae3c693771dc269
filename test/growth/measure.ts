import { readdirSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { candidateCosts } from "../../cli/search-setup.ts";
import { standardAugmentation } from "../../engine/data/augment/presets.ts";
import { buildGraph } from "../../engine/graph.ts";
import { Model } from "../../engine/model.ts";
import { constant, input } from "../../engine/record.ts";
import { Trainer } from "../../engine/train/trainer.ts";
import { createWasmBackend } from "../../kernels/wasm/node/index.ts";
import { createEvaluator } from "../../nas/runners/train-evaluator.ts";
import { createSampler } from "../../nas/sampler.ts";
import { hybrid } from "../../nas/space/presets.ts";
import { backend, openBackend } from "./back-end.ts";
import { tinyArchitecture, tinyData } from "../engine/train/tiny.ts";

/** What a process holds, after garbage collection. */
export interface Holdings {
  /** Of the back end's WebAssembly memory; null when there is none left. */
  readonly wasmBytes: number | null;
  /** JavaScript objects. */
  readonly heapBytes: number;
  /** Typed arrays and the like, outside the JavaScript heap. */
  readonly externalBytes: number;
  /** Resident memory of the process. */
  readonly residentBytes: number;
  /** Operating system threads; null where they cannot be counted. */
  readonly threads: number | null;
}

/** The same work twice: what was held after the first half and after the second. */
export interface Growth {
  readonly work: string;
  readonly before: Holdings;
  readonly after: Holdings;
}

async function holdings(): Promise<Holdings> {
  for (let round = 0; round < 3; round++) {
    globalThis.gc!();
    await setTimeout(20); // Finalisers run between tasks.
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return {
    wasmBytes: backend?.memoryBytes ?? null,
    heapBytes: heapUsed,
    externalBytes: external,
    residentBytes: rss,
    threads: process.platform === "linux" ? readdirSync("/proc/self/task").length : null,
  };
}

/** Steps of one training with augmentation, and validation after each epoch of 5. */
async function steps(count: number): Promise<Growth> {
  const trainer = new Trainer(Model.fromArchitecture(tinyArchitecture), { backend: await openBackend({ threads: 2 }) });
  let before: Holdings | undefined;
  const onStep = async ({ step }: { readonly step: number }): Promise<void> => {
    if (step === count) before = await holdings();
  };
  const options = { epochs: (2 * count) / 5, batchSize: 16, augment: standardAugmentation, callbacks: [{ onStep }] };
  for await (const epoch of trainer.fit(tinyData, options)) void epoch;
  return { work: `${count} steps`, before: before!, after: await holdings() };
}

/** Short trainings of as many networks of the `hybrid` space, one after the other in one back end, then again. */
async function candidates(count: number): Promise<Growth> {
  const { train, validation } = tinyData;
  const task = { input: tinyData.input, classes: tinyData.classes.length };
  const limits = { parameters: 20_000, macs: 1_000_000 };
  const sampler = createSampler(hybrid, task, candidateCosts, { limits });
  const taken = new Set<string>();
  const architectures = Array.from({ length: count }, (_, index) => {
    const { id, architecture } = sampler.sample(taken, 1, index)!;
    taken.add(id);
    return architecture;
  });
  const evaluator = await createEvaluator({
    backend: {
      module: new URL("./back-end.ts", import.meta.url).href,
      factory: openBackend.name,
      options: { inline: true },
    },
    data: { ...tinyData, train, validation },
    ...{ epochs: 1, batchSize: 16 },
  });
  const evaluateAll = async (): Promise<Holdings> => {
    for (const architecture of architectures) await evaluator.evaluate(architecture, { seed: 1 });
    return holdings();
  };
  return { work: `${count} candidates`, before: await evaluateAll(), after: await evaluateAll() };
}

/** Back ends with two workers each, made, used and disposed of. */
async function backends(count: number): Promise<Growth> {
  const useAll = async (): Promise<Holdings> => {
    for (let made = 0; made < count; made++) {
      const created = await createWasmBackend({ threads: 2 });
      const x = input("x", [64, 64]);
      const program = await created.compile(buildGraph({ y: x.matmul(constant(new Float32Array(4096), [64, 64])) }));
      await program.run({ x: new Float32Array(4096) });
      await created.dispose();
    }
    return holdings();
  };
  return { work: `${count} back ends`, before: await useAll(), after: await useAll() };
}

const works: Readonly<Record<string, (count: number) => Promise<Growth>>> = { steps, candidates, backends };

if (process.argv[1] === import.meta.filename) {
  const [work = "", count = ""] = process.argv.slice(2);
  process.stdout.write(JSON.stringify(await works[work]!(Number(count))));
  process.exit();
}
