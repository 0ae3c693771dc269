import { ConfigError } from "../errors.ts";
import type { Assign } from "../graph.ts";
import { readSlot, recordOne } from "../record.ts";
import type { Slot } from "../slot.ts";
import type { Tensor } from "../tensor.ts";
import type { ModelState } from "./evaluate-model.ts";

/**
 * Keeps an exponential moving average of the trained weights beside them (Polyak and Juditsky 1992), to be evaluated
 * and shipped in their place. Running statistics of batch norm are averages already and stay as they are.
 */
export interface WeightAverageOptions {
  /**
   * Share of the old average that a step keeps, at least 0 and below 1; 0.999 remembers about 1,000 steps. In the first
   * ones it is (1 + step) / (10 + step), if that is less.
   */
  readonly decay: number;
}

const suffix = ".ema";

function averageSlot({ name, shape, initial }: Slot): Slot {
  return { name: name + suffix, shape, kind: "optimizer", decay: false, initial };
}

/**
 * Records the averages of the parameters that `updates` assigns. `step` [] is 1 for the first step.
 * @throws ConfigError unless 0 ≤ decay < 1
 */
export function averageUpdates(updates: readonly Assign[], step: Tensor, { decay }: WeightAverageOptions): Assign[] {
  if (!(decay >= 0 && decay < 1)) throw new ConfigError(`ema: decay must be at least 0 and below 1, got ${decay}`);
  return updates
    .filter(({ slot }) => slot.kind === "parameter")
    .map(({ slot, value }) => {
      const average = averageSlot(slot);
      return {
        slot: average,
        value: recordOne("exponentialMovingAverage", [readSlot(average), value, step], { decay }),
      };
    });
}

/** The state to evaluate and to ship: averages stand in place of the weights wherever the training kept them. */
export function averagedState(state: ModelState): ModelState {
  const averaged = new Map(state);
  for (const [name, values] of state) {
    const weights = name.slice(0, -suffix.length);
    if (name.endsWith(suffix) && state.has(weights)) averaged.set(weights, values);
  }
  return averaged;
}
