import type { InferenceGraph } from "../../engine/plan/inference.ts";
import { Model } from "../../engine/model.ts";
import { lowerModel } from "../../engine/plan/lower.ts";
import { randomNormal } from "../../engine/random.ts";
import { elementCount } from "../../engine/shape.ts";
import type { Limits } from "../../nas/costs.ts";
import { createSampler } from "../../nas/sampler.ts";
import { presets } from "../../nas/space/presets.ts";
import { countCosts } from "../nas/networks.ts";
import type { NetworkCase } from "./graphs.ts";

const spaces = ["hybrid", "hybrid-extended"] as const;

/** Networks as a search draws them, from both hybrid spaces in turn. */
export function randomHybrids(count: number, size = 32, limits: Limits = {}): InferenceGraph[] {
  const task = { input: [size, size, 3], classes: 10 } as const;
  const samplers = spaces.map((name) => createSampler(presets[name]!, task, countCosts, { limits }));
  return Array.from({ length: count }, (_, index) => {
    const { architecture } = samplers[index % spaces.length]!.sample(new Set(), 77, index)!;
    return lowerModel(Model.fromArchitecture(architecture));
  });
}

/** Small ones unless other limits are given, with an image for each. */
export function randomHybridCases(count: number, size: number, limits: Limits = { parameters: 25_000 }): NetworkCase[] {
  return randomHybrids(count, size, limits).map((graph, index) => ({
    name: `hybrid ${index}`,
    graph,
    image: Float32Array.from({ length: elementCount(graph.values[graph.input]!.shape) }, (_, i) =>
      randomNormal(43, index, i),
    ),
  }));
}
