import { afterAll, expect, test } from "vitest";
import { median } from "../../../bench/statistics.ts";
import { exportOnnx } from "../../../codegen/index.ts";
import { checkStack } from "../../../codegen/verify/stack.ts";
import { compileWithTvm, runTvmModel } from "../../../codegen/verify/tvm.ts";
import { verifyNetwork } from "../../../codegen/verify/verify-network.ts";
import { networkMacs } from "../../../engine/plan/macs.ts";
import { randomHybridCases } from "../../codegen/random-hybrids.ts";
import { describeWithTools, riscvTools } from "../../codegen/verify/with-tools.ts";
import { saveResult } from "../results.ts";

const target = "rv32imafc";
const plans = ["default", "ram"] as const;
const networks = randomHybridCases(20, 32, {});

interface MemoryRow {
  readonly network: string;
  readonly macs: number;
  /** The less of untuned and scheduled. */
  readonly tvmRamBytes: number;
  readonly plans: readonly { readonly plan: string; readonly ramBytes: number; readonly ofTvm: number }[];
}

/**
 * Arena or planned storage and workspaces, input, output and painted stack, of the same networks on the same target. How
 * TVM's kernels are compiled moves its stack alone, by some hundred bytes, so they are those of its LLVM.
 */
await describeWithTools("RAM beside TVM's", ["tvm", ...riscvTools], () => {
  const rows: MemoryRow[] = [];
  const ratios = (plan: string): number[] =>
    rows.map((row) => row.plans.find((one) => one.plan === plan)!.ofTvm).sort((a, b) => a - b);
  afterAll(async () => {
    const summary = plans.map((plan) => ({ plan, median: median(ratios(plan)), largest: ratios(plan).at(-1)! }));
    await saveResult("tvm-memory", "npm run test:full -- tvm-memory", { target, summary, rows });
  });

  test.each(networks)("$name", { timeout: 900_000 }, async ({ name, graph, image }) => {
    const network = { graph, name };
    const inputShape = graph.values[graph.input]!.shape.slice(1);
    const models = await compileWithTvm(exportOnnx(graph, network), [target]);
    const runs = await Promise.all(models.map((model) => runTvmModel(model, inputShape, [image], "llvm")));
    const tvmRamBytes = Math.min(...runs.map(({ ramBytes }) => ramBytes));
    const own = [];
    for (const plan of plans) {
      const verified = await verifyNetwork({
        ...{ network, plan, targets: [target], images: [image] },
        // What TVM gave stands for the engine's outputs: nothing runs twice.
        ...{ against: ["engine"], referenceOutputs: runs[0]!.outputs },
      });
      const [{ maxAbsError, largestLogit, ramBytes }] = verified as [(typeof verified)[number]];
      // Random weights let float32 lie further apart than those of a trained network do.
      expect(maxAbsError).toBeLessThan(1e-4 * largestLogit);
      checkStack(verified);
      own.push({ plan, ramBytes, ofTvm: ramBytes / tvmRamBytes });
    }
    rows.push({ network: name, macs: networkMacs(graph), tvmRamBytes, plans: own });
    for (const { ofTvm } of own) expect(ofTvm).toBeLessThanOrEqual(0.5);
  });
});
