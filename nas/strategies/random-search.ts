import type { Strategy } from "./strategy.ts";

/** Independent samples of the space: the baseline of every other strategy. */
export function randomSearch(): Strategy {
  return {
    name: "random",
    settings: {},
    propose({ sample }) {
      const candidate = sample();
      return candidate && { candidate, origin: "sample", parent: null };
    },
  };
}
