import { elementCount } from "../../engine/shape.ts";
import { architectureCosts } from "../../engine/plan/cost.ts";
import type { CostModel } from "../../nas/costs.ts";
import type { Task } from "../../nas/space/space.ts";

export const cifar: Task = { input: [32, 32, 3], classes: 10 };

/** Real costs, but for peak RAM: all values at once, which needs no planner. */
export const countCosts: CostModel = (architecture) =>
  architectureCosts(architecture, ({ values }) => 4 * values.reduce((sum, { shape }) => sum + elementCount(shape), 0));

/** What a search needs to know of its data. */
export const tinyData = {
  name: "tiny",
  input: [32, 32, 3],
  classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
  fingerprint: "f00d",
} as const;
