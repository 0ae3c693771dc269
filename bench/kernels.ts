import type { Backend } from "../engine/backend.ts";
import { buildGraph } from "../engine/graph.ts";
import { recordCase } from "../test/op-cases/harness.ts";
import { opCases } from "../test/op-cases/index.ts";
import { measure, type MeasureOptions } from "./benny.ts";
import { graphFlops } from "./flops.ts";
import type { KernelRow } from "./rows.ts";

export interface KernelBenchOptions extends MeasureOptions {
  readonly backend: Backend;
  /** Only cases whose name holds this. */
  readonly filter?: string | undefined;
  readonly onRow?: (row: KernelRow) => void;
}

/** The op cases that are worth timing: each forward alone, then forward with its gradients. */
export async function benchKernels({
  backend,
  filter = "",
  onRow,
  ...measureOptions
}: KernelBenchOptions): Promise<KernelRow[]> {
  const rows: KernelRow[] = [];
  for (const opCase of Object.values(opCases).flat()) {
    if (!opCase.bench || !opCase.name.includes(filter)) continue;
    const { graph, feeds } = recordCase(opCase);
    const forward = buildGraph(
      Object.fromEntries(Object.entries(graph.outputs).filter(([name]) => name.startsWith("y"))),
    );
    const jobs = forward.ops.length === graph.ops.length ? [forward] : [forward, graph];
    for (const job of jobs) {
      const names = new Set(job.inputs.map((node) => node.name));
      const program = await backend.compile(job);
      try {
        await program.run(Object.fromEntries(Object.entries(feeds).filter(([name]) => names.has(name))));
        const kernel = job === forward ? opCase.name : `${opCase.name} with gradients`;
        const timing = await measure(kernel, () => program.run(), { seconds: 0.5, ...measureOptions });
        const flops = graphFlops(job);
        const row: KernelRow = {
          suite: "kernels",
          kernel,
          backend: backend.name,
          variant: backend.variant,
          threads: backend.threads,
          batch: opCase.inputs[0]?.shape[0] ?? 1,
          ...timing,
          gflops: flops === 0 ? null : flops / timing.median / 1e9,
        };
        rows.push(row);
        onRow?.(row);
      } finally {
        await program.dispose();
      }
    }
  }
  return rows;
}
