import { describe, expect, test } from "vitest";
import { Draw } from "../../nas/draw.ts";
import { createSampler } from "../../nas/sampler.ts";
import { presets } from "../../nas/space/presets.ts";
import { ageingEvolution } from "../../nas/strategies/ageing-evolution.ts";
import { randomSearch } from "../../nas/strategies/random-search.ts";
import { scalarise } from "../../nas/strategies/scalarisation.ts";
import type { FinishedTrial, Strategy } from "../../nas/strategies/strategy.ts";
import { cifar, countCosts } from "./networks.ts";

const limits = { parameters: 60_000, macs: 10_000_000 };

/** A made-up accuracy that a search can climb: wide last blocks and few MACs are good. */
function accuracyOf({ costs }: { costs: { parameters: number; macs: number } }): number {
  return (0.9 * costs.parameters) / 60_000 - (0.3 * costs.macs) / 10_000_000;
}

function drive(strategy: Strategy, budget: number, seed: number): (FinishedTrial & { origin: string })[] {
  const sampler = createSampler(presets.hybrid!, cifar, countCosts, { limits });
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
    const evolved = drive(ageingEvolution({ population: 10, sample: 5 }), 40, 1);
    const random = drive(randomSearch(), 40, 1);
    const mean = (trials: FinishedTrial[]) =>
      trials.reduce((sum, trial) => sum + trial.validationAccuracy, 0) / trials.length;
    expect(mean(evolved.slice(20))).toBeGreaterThan(mean(random.slice(20)));
    expect(new Set(evolved.map(({ id }) => id)).size).toBe(40);
    expect(evolved.slice(0, 10).every(({ origin }) => origin === "sample")).toBe(true);
    expect(evolved.filter(({ origin }) => origin === "mutation").length).toBeGreaterThan(20);
  });

  test("the same seed proposes the same candidates, another seed others", () => {
    const ids = (seed: number) => drive(ageingEvolution({ population: 4, sample: 2 }), 12, seed).map(({ id }) => id);
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
