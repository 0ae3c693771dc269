import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dominates, paretoFront, pickWinners, type ObjectiveName, type Scored } from "../../nas/front.ts";

const objectives: ObjectiveName[] = ["error", "macs", "parameters"];

function scored(id: string, validationAccuracy: number, parameters: number, macs = parameters): Scored {
  return { id, validationAccuracy, costs: { parameters, weights: parameters, macs, peakRamBytes: 1 } };
}

const small = fc.integer({ min: 1, max: 6 });
const population = fc
  .array(fc.tuple(small, small, small), { maxLength: 30 })
  .map((rows) =>
    rows.map(([accuracy, parameters, macs], index) => scored(`c${index}`, accuracy / 10, parameters, macs)),
  );

describe("Pareto front", () => {
  test("nothing dominates its members, and each other candidate is dominated by one of them", () => {
    fc.assert(
      fc.property(population, (members) => {
        const front = paretoFront(members, objectives);
        const ids = new Set(front.map(({ id }) => id));
        expect(members.length === 0 || front.length > 0).toBe(true);
        for (const member of members)
          expect(front.some((other) => dominates(other, member, objectives))).toBe(!ids.has(member.id));
      }),
    );
  });

  test("members keep the limits, and what breaks them dominates nobody", () => {
    const front = paretoFront([scored("a", 0.9, 200), scored("b", 0.8, 90), scored("c", 0.7, 95)], objectives, {
      parameters: 100,
    });
    expect(front.map(({ id }) => id)).toEqual(["b"]);
  });

  test("winners: the most accurate, or those nearest to the ideal point", () => {
    const front = [scored("small", 0.5, 10), scored("knee", 0.85, 20), scored("large", 0.9, 100)];
    expect(pickWinners(front, 2, objectives).map(({ id }) => id)).toEqual(["large", "knee"]);
    expect(pickWinners(front, 1, objectives, "knee").map(({ id }) => id)).toEqual(["knee"]);
    expect(pickWinners([], 1, objectives, "knee")).toEqual([]);
  });
});
