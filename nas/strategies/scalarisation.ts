import type { Limits } from "../costs.ts";
import type { Draw } from "../draw.ts";
import { objectiveValue, type ObjectiveName, type Scored } from "../front.ts";

/**
 * One number to make small out of several objectives: √Σ(λᵢ · vᵢ / boundᵢ)², with weights λ drawn from U(0, 1) at each
 * call (random scalarisation). An objective's bound is its limit, else the largest value seen.
 */
export function scalarise(
  objectives: readonly ObjectiveName[],
  seen: readonly Scored[],
  limits: Limits,
  draw: Draw,
): (member: Scored) => number {
  const terms = objectives.map((objective) => {
    const limit = objective === "error" ? undefined : limits[objective];
    const largest = seen.reduce((bound, member) => Math.max(bound, objectiveValue(member, objective)), 0);
    return { objective, weight: draw.uniform() / (limit ?? (largest || 1)) };
  });
  return (member) => Math.hypot(...terms.map(({ objective, weight }) => weight * objectiveValue(member, objective)));
}
