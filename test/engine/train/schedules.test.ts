import { describe, expect, test } from "vitest";
import { constantRate, cosine, oneCycle } from "../../../engine/train/schedules.ts";

const rates = (schedule: { at: (step: number, total: number) => number }, total: number): number[] =>
  Array.from({ length: total }, (_, step) => schedule.at(step, total));

describe("schedules", () => {
  test("one-cycle equals torch.optim.lr_scheduler.OneCycleLR(max_lr=1e-3, total_steps=10)", () => {
    const torch = [4.0e-5, 5.2e-4, 1.0e-3, 9.50484632013e-4, 8.1174565394976e-4, 6.1126202193629e-4];
    torch.forEach((rate, step) => expect(oneCycle({ peak: 1e-3 }).at(step, 10)).toBeCloseTo(rate, 9));
    expect(oneCycle({ peak: 1e-3 }).at(9, 10)).toBeCloseTo(4e-9, 12);
  });

  test("cosine falls from its peak to its floor", () => {
    const values = rates(cosine({ peak: 0.1, floor: 0.01, warmup: 2 }), 12);
    expect(values[0]).toBeCloseTo(0.05);
    expect(values[1]).toBeCloseTo(0.1);
    expect(values[2]).toBeCloseTo(0.1);
    expect(values[7]).toBeCloseTo(0.055);
    expect(values[11]!).toBeLessThan(0.013);
  });

  test("the constant rate is constant", () => {
    expect(new Set(rates(constantRate(0.5), 5))).toEqual(new Set([0.5]));
  });
});
