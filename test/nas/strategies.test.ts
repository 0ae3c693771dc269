import { describe, expect, test } from "vitest";
import type { CostModel } from "../../nas/costs.ts";
import { Draw } from "../../nas/draw.ts";
import { createSampler, type Sampler } from "../../nas/sampler.ts";
import { integer, repeat } from "../../nas/space/parameter.ts";
import { presets } from "../../nas/space/presets.ts";
import { defineSpace } from "../../nas/space/space.ts";
import { ageingEvolution } from "../../nas/strategies/ageing-evolution.ts";
import { randomSearch } from "../../nas/strategies/random-search.ts";
import { scalarise } from "../../nas/strategies/scalarisation.ts";
import type { FinishedTrial, Strategy } from "../../nas/strategies/strategy.ts";
import { cifar, countCosts } from "./networks.ts";

const limits = { parameters: 60_000, macs: 10_000_000 };

/** Twelve widths, best at 6 each: a slope that can be climbed, with costs that need no graph. */
const slope = defineSpace({
  name: "slope",
  parameters: repeat({ minimum: 12, maximum: 12 }, integer(1, 8)),
  build: (widths) => ({ blocks: widths.map((channels) => ({ type: "convBnRelu", channels, kernel: 1 })) }),
});
const noCosts: CostModel = () => ({ parameters: 1, weights: 1, macs: 1, peakRamBytes: 1 });

function accuracyOf({ genotype }: { genotype: unknown }): number {
  if (!Array.isArray(genotype)) return 0.5;
  return 1 - (genotype as number[]).reduce((sum, width) => sum + Math.abs(width - 6), 0) / 60;
}

function drive(
  strategy: Strategy,
  budget: number,
  seed: number,
  sampler: Sampler = createSampler<unknown>(slope, cifar, noCosts),
): (FinishedTrial & { origin: string })[] {
  const finished: (FinishedTrial & { origin: string })[] = [];
  const taken = new Set<string>();
  for (let index = 0; index < budget; index++) {
    const { candidate, origin } = strategy.propose({
      index,
      finished,
      objectives: ["error"],
      limits,
      draw: new Draw(seed, index),
      sample: () => sampler.sample(taken, seed, index),
      mutate: (parent, rate) => sampler.mutate(parent.genotype, rate, taken, seed, index),
    })!;
    taken.add(candidate.id);
    finished.push({ ...candidate, validationAccuracy: accuracyOf(candidate), origin });
  }
  return finished;
}

describe("strategies", () => {
  test("ageing evolution climbs where random search only samples", () => {
    const best = (trials: FinishedTrial[]) => Math.max(...trials.map((trial) => trial.validationAccuracy));
    for (const seed of [1, 2, 3]) {
      const evolved = drive(ageingEvolution({ population: 20, sample: 5 }), 200, seed);
      const random = drive(randomSearch(), 200, seed);
      expect(best(evolved)).toBeGreaterThan(best(random) + 0.03);
      expect(new Set(evolved.map(({ id }) => id)).size).toBe(200);
      expect(evolved.slice(0, 5).every(({ origin }) => origin === "sample")).toBe(true);
      const restarts = evolved.filter(({ origin }) => origin === "restart").length;
      expect(restarts).toBeGreaterThan(5);
      expect(restarts).toBeLessThan(40);
    }
  });

  test("the same seed proposes the same candidates, another seed others", () => {
    const hybrid = createSampler(presets.hybrid!, cifar, countCosts, { limits });
    const strategy = ageingEvolution({ population: 4, sample: 2 });
    const ids = (seed: number) => drive(strategy, 8, seed, hybrid).map(({ id }) => id);
    expect(ids(3)).toEqual(ids(3));
    expect(ids(4)).not.toEqual(ids(3));
  });

  test("scalarisation divides by the limit, else by the largest value seen", () => {
    const member = (validationAccuracy: number, macs: number): FinishedTrial => ({
      id: "",
      genotype: null,
      validationAccuracy,
      costs: { parameters: 1, weights: 1, macs, peakRamBytes: 1 },
    });
    const seen = [member(0.5, 400), member(0.75, 200)];
    const draw = new Draw(9);
    const [lambdaError, lambdaMacs] = [draw.uniform(), draw.uniform()];
    const unbounded = scalarise(["error", "macs"], seen, {}, new Draw(9));
    expect(unbounded(seen[1]!)).toBeCloseTo(Math.hypot(lambdaError * 0.5, lambdaMacs * 0.5), 12);
    const bounded = scalarise(["error", "macs"], seen, { macs: 1000 }, new Draw(9));
    expect(bounded(seen[1]!)).toBeCloseTo(Math.hypot(lambdaError * 0.5, lambdaMacs * 0.2), 12);
  });

  test("settings out of range are refused", () => {
    expect(() => ageingEvolution({ population: 0 })).toThrow("ageingEvolution: population must be a positive whole");
    expect(() => ageingEvolution({ mutationRate: 2 })).toThrow("ageingEvolution: mutationRate must be between 0 and 1");
  });
});
