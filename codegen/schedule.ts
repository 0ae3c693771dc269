import { ConfigError } from "../engine/errors.ts";
import type { Precision } from "./arithmetic.ts";

/** What generated code shall be best at. */
export const plans = ["default", "direct", "winograd", "size", "ram"] as const;

export type Plan = (typeof plans)[number];

/** How emitters and storage planner shall choose between instructions, code and memory. */
export interface Schedule {
  readonly plan: Plan;
  /** Bytes that the arena must fit in; null without a limit. */
  readonly ramBytes: number | null;
}

export const defaultSchedule: Schedule = { plan: "default", ramBytes: null };

const unwritten: Readonly<Record<Precision, ReadonlySet<Plan>>> = {
  float32: new Set(["size"]),
  int8: new Set(),
};

/** Plans that there are kernels for. */
export function plansOf(precision: Precision): readonly Plan[] {
  return plans.filter((plan) => !unwritten[precision].has(plan));
}

/** @throws ConfigError for a plan that has no kernels yet */
export function scheduleOf({
  plan = "default",
  precision,
  ram,
}: {
  plan?: Plan;
  precision: Precision;
  ram?: number;
}): Schedule {
  if (unwritten[precision].has(plan)) {
    throw new ConfigError(`codegen: ${precision} has no plan "${plan}" yet; it has ${plansOf(precision).join(", ")}`);
  }
  return { plan, ramBytes: ram ?? null };
}
