import { afterAll, expect, test } from "vitest";
import { median } from "../../../bench/statistics.ts";
import { checkStack } from "../../../codegen/verify/stack.ts";
import type { VerifyRow } from "../../../codegen/verify/verify.ts";
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

/** Arena or planned storage and workspaces, input, output and painted stack, of the same networks on the same target. */
await describeWithTools("RAM beside TVM's", ["tvm", ...riscvTools], () => {
  const rows: MemoryRow[] = [];
  const ratios = (plan: string): number[] =>
    rows.map((row) => row.plans.find((one) => one.plan === plan)!.ofTvm).sort((a, b) => a - b);
  afterAll(async () => {
    const summary = plans.map((plan) => ({ plan, median: median(ratios(plan)), largest: ratios(plan).at(-1)! }));
    await saveResult("tvm-memory", "npm run test:full -- tvm-memory", { target, summary, rows });
  });

  test.each(networks)("$name", { timeout: 900_000 }, async ({ name, graph, image }) => {
    const found: VerifyRow[] = [];
    for (const plan of plans) {
      const verified = await verifyNetwork({
        network: { graph, name },
        plan,
        targets: [target],
        against: ["tvm"],
        images: [image],
      });
      // Random weights let float32 lie further apart than those of a trained network do.
      for (const { maxAbsError, largestLogit } of verified) expect(maxAbsError).toBeLessThan(1e-4 * largestLogit);
      checkStack(verified);
      found.push(...verified);
    }
    const tvmRamBytes = Math.min(...found.map(({ referenceRamBytes }) => referenceRamBytes!));
    const own = plans.map((plan) => {
      const { ramBytes } = found.find((row) => row.plan === plan)!;
      return { plan, ramBytes, ofTvm: ramBytes / tvmRamBytes };
    });
    rows.push({ network: name, macs: networkMacs(graph), tvmRamBytes, plans: own });
    for (const { ofTvm } of own) expect(ofTvm).toBeLessThanOrEqual(0.5);
  });
});
