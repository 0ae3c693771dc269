import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planMemory, type LiveBuffer } from "../../../engine/plan/memory.ts";

const buffers = (maxLength: number): fc.Arbitrary<LiveBuffer[]> =>
  fc.array(
    fc
      .record({ size: fc.integer({ min: 0, max: 40 }), first: fc.nat(12), length: fc.nat(6) })
      .map(({ size, first, length }) => ({ bytes: 64 * size, first, last: first + length })),
    { maxLength },
  );

const alive = (a: LiveBuffer, b: LiveBuffer): boolean => a.first <= b.last && b.first <= a.last;

/** The smallest arena over all orders of placement, each buffer at the lowest address that is free. */
function bruteForce(all: readonly LiveBuffer[]): number {
  const offsets = new Map<LiveBuffer, number>();
  const search = (rest: readonly LiveBuffer[], arena: number): number => {
    if (rest.length === 0) return arena;
    return Math.min(
      ...rest.map((buffer) => {
        const others = [...offsets].filter(([other]) => alive(other, buffer)).sort((a, b) => a[1] - b[1]);
        let offset = 0;
        for (const [other, at] of others) if (at < offset + buffer.bytes) offset = Math.max(offset, at + other.bytes);
        offsets.set(buffer, offset);
        const best = search(
          rest.filter((other) => other !== buffer),
          Math.max(arena, offset + buffer.bytes),
        );
        offsets.delete(buffer);
        return best;
      }),
    );
  };
  return search(all, 0);
}

describe("planMemory", () => {
  it("never lets two live buffers overlap, and needs at least what is alive at once", () => {
    fc.assert(
      fc.property(buffers(60), (all) => {
        const plan = planMemory(all);
        all.forEach((a, i) => {
          expect(plan.offsets[i]! % 64).toBe(0);
          expect(plan.offsets[i]! + a.bytes).toBeLessThanOrEqual(plan.arenaBytes);
          all.slice(i + 1).forEach((b, j) => {
            const [x, y] = [plan.offsets[i]!, plan.offsets[i + 1 + j]!];
            if (alive(a, b)) expect(x + a.bytes <= y || y + b.bytes <= x).toBe(true);
          });
        });
        const sums = all.map(({ first }) =>
          all.filter((b) => b.first <= first && first <= b.last).reduce((sum, b) => sum + b.bytes, 0),
        );
        expect(plan.lowerBoundBytes).toBe(Math.max(0, ...sums));
        expect(plan.arenaBytes).toBeGreaterThanOrEqual(plan.lowerBoundBytes);
        if (plan.peakStep >= 0)
          expect(
            all.filter((b) => b.first <= plan.peakStep && plan.peakStep <= b.last).reduce((sum, b) => sum + b.bytes, 0),
          ).toBe(plan.lowerBoundBytes);
      }),
    );
  });

  it("is close to the best placement of a few buffers", () => {
    fc.assert(
      fc.property(buffers(6), (all) => {
        expect(planMemory(all).arenaBytes).toBeLessThanOrEqual(1.25 * bruteForce(all));
      }),
      { numRuns: 100 },
    );
  });

  it("gives the buffers of a group one address for all their lives", () => {
    const plan = planMemory([
      { bytes: 100, first: 0, last: 1, group: 7 },
      { bytes: 64, first: 1, last: 1 },
      { bytes: 200, first: 2, last: 3, group: 7 },
    ]);
    expect(plan.offsets[0]).toBe(plan.offsets[2]);
    expect(plan.arenaBytes).toBe(256 + 64);
    expect(plan.peakStep).toBe(1);
  });

  it("refuses lives that end before they start", () => {
    expect(() => planMemory([{ bytes: 4, first: 2, last: 1 }])).toThrow(
      "memory plan: buffer 0 has 4 bytes and lives from 2 to 1",
    );
  });
});
