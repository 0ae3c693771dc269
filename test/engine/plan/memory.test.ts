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

  it("finds the best placement of a few buffers", () => {
    fc.assert(
      fc.property(buffers(6), (all) => {
        const plan = planMemory(all, { nodes: 2000 });
        expect(plan.optimal).toBe(true);
        expect(plan.arenaBytes).toBe(bruteForce(all));
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

  it("lets a map lie over another whose rows die in time", () => {
    const rows = 8;
    const slices = (born: (row: number) => number, dead: (row: number) => number) =>
      Array.from({ length: rows }, (_, row) => ({ first: born(row), last: dead(row) }));
    // A 3×3 window: row r of the result is computed at step r + 1 from rows r − 1 to r + 1.
    const x = {
      bytes: 64 * rows,
      first: 0,
      last: rows,
      slices: slices(
        () => 0,
        (row) => Math.min(rows, row + 2),
      ),
    };
    const y = {
      bytes: 64 * rows,
      first: 1,
      last: rows + 1,
      slices: slices(
        (row) => row + 1,
        () => rows + 1,
      ),
    };
    const plan = planMemory([x, y]);
    expect(plan.lowerBoundBytes).toBe(64 * (rows + 2));
    expect(plan.arenaBytes).toBe(64 * (rows + 2));
    expect(plan.offsets[1]).toBe(plan.offsets[0]! - 2 * 64);
  });

  it("knows that a buffer longer than the gaps between rows lies beside them all", () => {
    const slices = [4, 1, 4, 1, 4].map((last) => ({ first: 0, last }));
    const x = { bytes: 64 * 5, first: 0, last: 4, slices };
    const long = { bytes: 128, first: 2, last: 3 };
    const short = { bytes: 64, first: 2, last: 3 };
    expect(planMemory([x, long]).lowerBoundBytes).toBe(64 * 5 + 128);
    expect(planMemory([x, long, short]).lowerBoundBytes).toBe(64 * 5 + 128);
    expect(planMemory([x, short]).lowerBoundBytes).toBe(64 * 5);
  });

  it("never lets rows overlap that are alive together", () => {
    const sliced = fc
      .record({ rows: fc.integer({ min: 1, max: 6 }), size: fc.integer({ min: 1, max: 5 }), first: fc.nat(12) })
      .chain(({ rows, size, first }) =>
        fc
          .array(fc.record({ after: fc.nat(3), length: fc.nat(5) }), { minLength: rows, maxLength: rows })
          .map((lives) => {
            let born = first;
            const slices = lives.map(({ after, length }) => ({ first: (born += after), last: born + length }));
            const last = Math.max(...slices.map((slice) => slice.last));
            return { bytes: 24 * size * rows, first: slices[0]!.first, last, slices };
          }),
      );
    fc.assert(
      fc.property(fc.array(sliced, { maxLength: 12 }), (all) => {
        const plan = planMemory(all, { alignment: 16 });
        const cells = all.flatMap(({ bytes, slices }, index) =>
          slices.map((slice, row) => {
            const size = bytes / slices.length;
            return {
              index,
              ...slice,
              from: plan.offsets[index]! + row * size,
              to: plan.offsets[index]! + (row + 1) * size,
            };
          }),
        );
        for (const a of cells)
          for (const b of cells)
            if (a.index < b.index && a.first <= b.last && b.first <= a.last)
              expect(a.to <= b.from || b.to <= a.from).toBe(true);
        expect(plan.arenaBytes).toBeGreaterThanOrEqual(plan.lowerBoundBytes);
      }),
    );
  });

  it("computes a result upon the buffer that it replaces, and nowhere else among its cells", () => {
    const life = (first: number, last: number, replaced: boolean) => ({ first, last, replaced });
    const x = { bytes: 256, first: 0, last: 2, slices: [life(0, 1, true), life(0, 2, true)] };
    const y = { bytes: 256, first: 1, last: 3, slices: [life(1, 3, false), life(2, 3, false)], shares: 0 };
    const plan = planMemory([x, y, { bytes: 64, first: 1, last: 1 }]);
    expect(plan.offsets[1]).toBe(plan.offsets[0]);
    expect(plan.arenaBytes).toBe(256 + 64);
    expect(plan.lowerBoundBytes).toBe(256 + 64);
  });

  it("refuses lives that end before they start", () => {
    expect(() => planMemory([{ bytes: 4, first: 2, last: 1 }])).toThrow(
      "memory plan: buffer 0 has 4 bytes and lives from 2 to 1",
    );
  });
});
