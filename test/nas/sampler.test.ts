import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { architectureCosts } from "../../engine/plan/cost.ts";
import { limitViolation, type CostModel } from "../../nas/costs.ts";
import { createSampler } from "../../nas/sampler.ts";
import { choice, group } from "../../nas/space/parameter.ts";
import { presets } from "../../nas/space/presets.ts";
import { defineSpace } from "../../nas/space/space.ts";
import { cifar, countCosts } from "./networks.ts";

const none = new Set<string>();
const limits = { parameters: 100_000, macs: 30_000_000 };

describe("sampling within limits", () => {
  test("samples and mutations keep the limits and depend on the key alone", () => {
    const anyPreset = fc.constantFrom(...Object.values(presets));
    fc.assert(
      fc.property(anyPreset, fc.integer({ min: 0 }), (space, key) => {
        const sampler = createSampler(space, cifar, countCosts, { limits });
        const parent = sampler.sample(none, key, 0)!;
        const child = sampler.mutate(parent.genotype, 0.1, none, key, 1)!;
        for (const candidate of [parent, child]) {
          expect(limitViolation(candidate.costs, limits)).toBe(0);
          expect(candidate.costs).toEqual(countCosts(candidate.architecture));
          expect(space.parse(candidate.genotype)).toEqual(candidate.genotype);
        }
        expect(child.id).not.toBe(parent.id);
        expect(sampler.sample(none, key, 0)).toEqual(parent);
      }),
      { numRuns: 12 },
    );
  });

  test("a repaired copy is never what it was copied from", () => {
    const sampler = createSampler(presets["cnn-vit"]!, cifar, countCosts, { limits });
    const parent = sampler.sample(none, 1_629_962_600, 0)!;
    expect(sampler.mutate(parent.genotype, 0.1, none, 1_629_962_600, 1)!.id).not.toBe(parent.id);
  });

  test("the walk reaches limits that samples hardly ever keep", () => {
    const tight = { parameters: 8_000, macs: 600_000 };
    const sampler = createSampler(presets.hybrid!, cifar, countCosts, { limits: tight });
    for (let key = 0; key < 2; key++) {
      const { costs } = sampler.sample(none, key)!;
      expect(costs.parameters).toBeLessThanOrEqual(8_000);
      expect(costs.macs).toBeLessThanOrEqual(600_000);
    }
  });

  test("says how close it came when nothing keeps the limits", () => {
    const sampler = createSampler(presets.resnet!, cifar, countCosts, { limits: { parameters: 500 }, tries: 300 });
    expect(() => sampler.sample(none, 1)).toThrow(
      /^space resnet: no candidate within limits after 300 tries: closest had [\d,]+ parameters \(limit 500\)$/,
    );
  });

  test("memory is planned for those alone that keep the other limits", () => {
    let planned = 0;
    const costs: CostModel = (architecture) =>
      architectureCosts(architecture, () => {
        planned++;
        return 7;
      });
    const sampler = createSampler(presets.resnet!, cifar, costs, { limits: { parameters: 30_000 } });
    expect(sampler.sample(none, 1)!.costs.peakRamBytes).toBe(7);
    expect(planned).toBe(1);
    const beyond = createSampler(presets.resnet!, cifar, costs, { limits: { parameters: 500 }, tries: 20 });
    expect(() => beyond.sample(none, 1)).toThrow("no candidate within limits");
    expect(planned).toBe(1);
  });

  test("a space without any valid network says why", () => {
    const space = defineSpace({
      name: "shrinking",
      parameters: group({ stride: choice(4) }),
      build: ({ stride }) => ({
        blocks: [
          ...[1, 2, 3].map(() => ({ type: "convBnRelu", channels: 4, kernel: 3, stride }) as const),
          { type: "globalAveragePool" },
          { type: "linear" },
        ],
      }),
    });
    expect(() => createSampler(space, cifar, countCosts, { tries: 5 }).sample(none, 1)).toThrow(
      "no candidate within limits after 5 tries: closest had space shrinking: the last feature map must be at least 2×2, got 1×1",
    );
  });

  test("a space runs out quietly", () => {
    const space = defineSpace({
      name: "four",
      parameters: group({ channels: choice(4, 8), kernel: choice(1, 3) }),
      build: (sizes) => ({
        blocks: [{ type: "convBnRelu", ...sizes }, { type: "globalAveragePool" }, { type: "linear" }],
      }),
    });
    const sampler = createSampler(space, cifar, countCosts, { tries: 200 });
    const taken = new Set<string>();
    for (let index = 0; index < 4; index++) taken.add(sampler.sample(taken, index)!.id);
    expect(taken.size).toBe(4);
    expect(sampler.sample(taken, 4)).toBeUndefined();
  });
});
