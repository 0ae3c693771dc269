import type { Plan } from "../../schedule.ts";

/** Instructions of one inference that a byte of code must save. */
export const byteWorth: Readonly<Record<Plan, number>> = {
  direct: 4,
  winograd: 4,
  default: 200,
  ram: 200,
  size: 2600,
};

/** The same of kernels with vectors: all of a network takes fewer of these. */
export const vectorByteWorth: Readonly<Record<Plan, number>> = {
  direct: 4,
  winograd: 4,
  default: 30,
  ram: 30,
  size: 200,
};
