import { ConfigError } from "../engine/errors.ts";

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

const unwritten: ReadonlySet<Plan> = new Set(["winograd", "size"]);

/** @throws ConfigError for a plan that has no kernels yet */
export function scheduleOf({ plan = "default", ram }: { plan?: Plan; ram?: number }): Schedule {
  if (unwritten.has(plan))
    throw new ConfigError(`codegen: there is no plan "${plan}" yet; there are default, direct and ram`);
  return { plan, ramBytes: ram ?? null };
}
