import { afterAll, expect, test } from "vitest";
import { median } from "../../../bench/statistics.ts";
import { exportOnnx, generate } from "../../../codegen/index.ts";
import { compileWithTvm, runTvmModel } from "../../../codegen/verify/tvm.ts";
import { networkMacs } from "../../../engine/plan/macs.ts";
import { elementCount } from "../../../engine/shape.ts";
import { randomHybridCases } from "../../codegen/random-hybrids.ts";
import { describeWithTools, riscvTools } from "../../codegen/verify/with-tools.ts";
import { saveResult } from "../results.ts";

const target = "rv32imafc";
const plans = ["default", "ram"] as const;
const networks = randomHybridCases(20, 32, {});

interface MemoryRow {
  readonly network: string;
  readonly macs: number;
  /** Planned storage, workspaces at their peak, input and output: the less of untuned and scheduled. */
  readonly tvmRamBytes: number;
  /** Arena, input and output. */
  readonly plans: readonly {
    readonly plan: string;
    readonly ramBytes: number;
    readonly ofTvm: number;
    readonly peakLayer: string | null;
  }[];
}

/**
 * Working memory of the same networks on the same target. The stacks of both, below 2,100 bytes, are left out, so that
 * nothing of ours has to run; TVM's workspaces show at run time only. How its kernels are compiled moves its stack alone.
 */
await describeWithTools("RAM beside TVM's", ["tvm", ...riscvTools], () => {
  const rows: MemoryRow[] = [];
  const ratios = (plan: string): number[] =>
    rows.map((row) => row.plans.find((one) => one.plan === plan)!.ofTvm).sort((a, b) => a - b);
  afterAll(async () => {
    const summary = plans.map((plan) => ({
      plan,
      median: median(ratios(plan)),
      largest: ratios(plan).at(-1)!,
      atMostHalf: ratios(plan).filter((ratio) => ratio <= 0.5).length,
    }));
    await saveResult("tvm-memory", "npm run test:full -- tvm-memory", { target, summary, rows });
    for (const { median } of summary) expect(median).toBeLessThanOrEqual(0.25);
  });

  test.each(networks)("$name", { timeout: 900_000 }, async ({ name, graph, image }) => {
    const network = { graph, name };
    const inputShape = graph.values[graph.input]!.shape.slice(1);
    const borderBytes = 4 * (elementCount(inputShape) + elementCount(graph.values[graph.output]!.shape));
    const models = await compileWithTvm(exportOnnx(graph, network), [target]);
    const runs = await Promise.all(models.map((model) => runTvmModel(model, inputShape, [image], "llvm")));
    const tvmRamBytes = borderBytes + Math.min(...runs.map(({ modelRamBytes }) => modelRamBytes));
    const own = plans.map((plan) => {
      const { arenaBytes, peakLayer } = generate(network, { target, precision: "float32", plan });
      const ramBytes = borderBytes + arenaBytes;
      return { plan, ramBytes, ofTvm: ramBytes / tvmRamBytes, peakLayer };
    });
    rows.push({ network: name, macs: networkMacs(graph), tvmRamBytes, plans: own });
    for (const { ofTvm } of own) expect(ofTvm).toBeLessThanOrEqual(0.5);
  });
});
