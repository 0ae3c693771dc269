import { float32Arithmetic } from "../../codegen/arithmetic.ts";
import { placeNetwork } from "../../codegen/place.ts";
import { defaultSchedule, type Plan } from "../../codegen/schedule.ts";
import { targets } from "../../codegen/target.ts";
import { randomHybrids } from "./random-hybrids.ts";

/** How near the arenas of random networks come to their lower bounds. */
export interface PlacementQuality {
  readonly networks: number;
  readonly plan: Plan;
  /** Arena ÷ the largest sum of bytes alive at once. */
  readonly medianRatio: number;
  readonly largestRatio: number;
  readonly provenOptimal: number;
  /** Neither within 5 % of the bound nor proven optimal. */
  readonly loose: number;
  /** Arena ÷ that of the plan without streams. */
  readonly medianOfDirect: number;
  readonly smallestOfDirect: number;
}

export function placementQuality(networks: number, plan: Plan): PlacementQuality {
  const placed = randomHybrids(networks).map((graph) => {
    const arena = (of: Plan) =>
      placeNetwork(graph, float32Arithmetic, targets.rv32imafc, { ...defaultSchedule, plan: of }).storage;
    const { arenaBytes, arenaLowerBoundBytes, optimal } = arena(plan);
    const ratio = arenaBytes / arenaLowerBoundBytes;
    return { ratio, optimal, loose: ratio > 1.05 && !optimal, ofDirect: arenaBytes / arena("direct").arenaBytes };
  });
  const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
  const ratios = sorted(placed.map(({ ratio }) => ratio));
  const ofDirect = sorted(placed.map((one) => one.ofDirect));
  return {
    networks,
    plan,
    medianRatio: ratios[networks >> 1]!,
    largestRatio: ratios.at(-1)!,
    provenOptimal: placed.filter(({ optimal }) => optimal).length,
    loose: placed.filter(({ loose }) => loose).length,
    medianOfDirect: ofDirect[networks >> 1]!,
    smallestOfDirect: ofDirect[0]!,
  };
}
