import { limitViolation, type CostName, type Costs, type Limits } from "./costs.ts";

/** What can be made small: the error 1 − validation accuracy, or a cost. */
export type ObjectiveName = "error" | CostName;

/** A candidate with what was measured on it. */
export interface Scored {
  readonly id: string;
  readonly costs: Costs;
  /** A fraction. */
  readonly validationAccuracy: number;
}

export function objectiveValue(scored: Scored, objective: ObjectiveName): number {
  return objective === "error" ? 1 - scored.validationAccuracy : scored.costs[objective];
}

/** Whether `a` is nowhere worse than `b` and somewhere better. */
export function dominates(a: Scored, b: Scored, objectives: readonly ObjectiveName[]): boolean {
  let better = false;
  for (const objective of objectives) {
    const difference = objectiveValue(a, objective) - objectiveValue(b, objective);
    if (difference > 0) return false;
    if (difference < 0) better = true;
  }
  return better;
}

/**
 * The members within the limits that no other such member dominates, most accurate first. Of members with equal
 * values in all objectives every one stays.
 */
export function paretoFront<S extends Scored>(
  members: readonly S[],
  objectives: readonly ObjectiveName[],
  limits: Limits = {},
): S[] {
  const feasible = members.filter((member) => limitViolation(member.costs, limits) === 0);
  return feasible.filter((member) => !feasible.some((other) => dominates(other, member, objectives))).sort(byAccuracy);
}

/** Most accurate first; of equals, the one with fewer parameters, then fewer MACs, then by identity. */
function byAccuracy(a: Scored, b: Scored): number {
  return (
    b.validationAccuracy - a.validationAccuracy ||
    a.costs.parameters - b.costs.parameters ||
    a.costs.macs - b.costs.macs ||
    (a.id < b.id ? -1 : 1)
  );
}

/** How winners are chosen from a front: by accuracy alone, or by closeness to the ideal point. */
export type Preference = "accuracy" | "knee";

/**
 * The `count` members of a front to go on with. `knee` orders them by their distance to the ideal point, each
 * objective scaled to the range that the front spans.
 */
export function pickWinners<S extends Scored>(
  front: readonly S[],
  count: number,
  objectives: readonly ObjectiveName[],
  preference: Preference = "accuracy",
): S[] {
  if (preference === "accuracy") return [...front].sort(byAccuracy).slice(0, count);
  const ranges = objectives.map((objective) => {
    const values = front.map((member) => objectiveValue(member, objective));
    const least = Math.min(...values);
    return { objective, least, width: Math.max(...values) - least || 1 };
  });
  const distance = (member: S) =>
    Math.hypot(...ranges.map(({ objective, least, width }) => (objectiveValue(member, objective) - least) / width));
  return [...front].sort((a, b) => distance(a) - distance(b) || byAccuracy(a, b)).slice(0, count);
}
