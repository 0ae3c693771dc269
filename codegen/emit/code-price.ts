import type { Plan } from "../schedule.ts";

/** Instructions of one inference in float32 that a byte of code must save. */
export const byteWorth: Readonly<Record<Plan, number>> = {
  direct: 4,
  winograd: 4,
  default: 30,
  ram: 30,
  size: 2600,
};
