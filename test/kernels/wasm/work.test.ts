import { describe, expect, it } from "vitest";
import { refHybrid, resnet8 } from "../../../engine/architecture.ts";
import type { Graph } from "../../../engine/graph.ts";
import { Model } from "../../../engine/model.ts";
import { lowerModel } from "../../../engine/plan/lower.ts";
import { graphMacs, networkMacs } from "../../../engine/plan/macs.ts";
import { inferenceToGraph } from "../../../engine/plan/record-inference.ts";
import { adamW } from "../../../engine/train/optimizers.ts";
import { trainingStep } from "../../../engine/train/training-step.ts";
import { planGraph, type WasmPlan } from "../../../kernels/wasm/plan.ts";
import { profileOf } from "../../../kernels/wasm/variants.ts";
import { stepMacs } from "../../../kernels/wasm/work.ts";

const networks = [
  ["resnet8", resnet8],
  ["ref-hybrid", refHybrid],
] as const;

function planFor(graph: Graph, threads: number): WasmPlan {
  return planGraph(graph, { tiles: "wide", profile: profileOf("wide"), threads });
}

function plannedMacs({ steps }: WasmPlan): number {
  return steps.reduce((sum, step) => sum + stepMacs(step), 0);
}

describe.each(networks)("the work of %s", (_, architecture) => {
  const model = Model.fromArchitecture(architecture);
  const inference = inferenceToGraph(lowerModel(model));
  const training = (batchSize: number): Graph => trainingStep(model, { batchSize, optimizer: adamW() });

  it("is all in the steps of its plan, and three times as much in training but for the first image's gradient", () => {
    const macs = networkMacs(lowerModel(model));
    const trained = graphMacs(training(4)) / 4;
    expect(graphMacs(inference)).toBe(macs);
    expect(trained).toBeGreaterThan(2.5 * macs);
    expect(trained).toBeLessThan(3.1 * macs);
    expect(plannedMacs(planFor(inference, 2))).toBe(macs);
    expect(plannedMacs(planFor(training(4), 2))).toBe(4 * trained);
  });

  it("is done by the calling thread for one image, and shared for a batch", () => {
    expect(planFor(inference, 2).small).toBe(true);
    expect(planFor(training(32), 2).small).toBe(false);
  });
});
