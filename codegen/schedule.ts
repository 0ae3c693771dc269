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
