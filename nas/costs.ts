import type { Architecture } from "../engine/architecture.ts";
import type { NetworkCosts } from "../engine/plan/cost.ts";

/** What a network costs, known without training it. */
export type Costs = NetworkCosts;

export type CostName = keyof Costs;

/** @throws ShapeError or ConfigError for an architecture that cannot be built, which the search then leaves out */
export type CostModel = (architecture: Architecture) => Costs;

/** Upper bounds that every candidate keeps. */
export type Limits = Partial<Readonly<Record<CostName, number>>>;

const costNames: readonly CostName[] = ["parameters", "weights", "macs", "peakRamBytes"];

/** By how much costs exceed the limits: Σ max(0, cost / limit − 1); 0 is within. */
export function limitViolation(costs: Costs, limits: Limits): number {
  return costNames.reduce((sum, name) => {
    const limit = limits[name];
    return limit === undefined ? sum : sum + Math.max(0, costs[name] / limit - 1);
  }, 0);
}

/** `123,456 parameters (limit 100,000)` for each limit that is exceeded. */
export function describeViolation(costs: Costs, limits: Limits): string {
  const format = (value: number) => Math.round(value).toLocaleString("en-US");
  const exceeded = costNames.filter((name) => limits[name] !== undefined && costs[name] > limits[name]);
  return exceeded.map((name) => `${format(costs[name])} ${labels[name]} (limit ${format(limits[name]!)})`).join(", ");
}

const labels: Record<CostName, string> = {
  parameters: "parameters",
  weights: "weights",
  macs: "MACs",
  peakRamBytes: "bytes of peak RAM",
};
