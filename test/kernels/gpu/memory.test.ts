import { describe, expect, it } from "vitest";
import { builtInArchitectures, parseArchitecture } from "../../../engine/architecture.ts";
import { Model } from "../../../engine/model.ts";
import { adamW } from "../../../engine/train/optimizers.ts";
import { trainingStep } from "../../../engine/train/training-step.ts";
import { mostAlive, shareMemory } from "../../../kernels/gpu/memory.ts";
import { planGpu, type GpuPlan } from "../../../kernels/gpu/plan.ts";
import { hasBrowser, suitePage } from "../../browser/browser.ts";
import type * as memoryPage from "./memory-page.ts";

const anyRoom = (count: number, room: number): boolean => count <= room;
const sameSize = (count: number, room: number): boolean => count === room;

function planOf(name: keyof typeof builtInArchitectures, batchSize: number): GpuPlan {
  const model = Model.fromArchitecture(parseArchitecture(builtInArchitectures[name]));
  return planGpu(trainingStep(model, { batchSize, optimizer: adamW(), clipNorm: 1, ema: { decay: 0.9 } }));
}

/** Runs two steps as they go through memory: what a kernel reads must be there, and elsewhere than what it writes. */
function misuses(plan: GpuPlan, fits: typeof anyRoom): string[] {
  const shared = shareMemory(plan, fits);
  const memoryOf = new Map(shared.flatMap((memory) => memory.arrays.map((array) => [array, memory] as const)));
  const content = new Map<unknown, number>();
  const found: string[] = [];
  const read = (array: number, what: string): void => {
    const memory = memoryOf.get(array);
    if (memory !== undefined && content.get(memory) !== array) found.push(`${what} reads an array that is gone`);
  };
  for (let step = 0; step < 2; step++) {
    if (step > 0) for (const { next } of plan.slotArrays) if (next !== undefined) read(next, "the next step");
    for (const { op, operands, array, count } of plan.launches) {
      const memory = memoryOf.get(array)!;
      for (const operand of operands) {
        read(operand, op);
        if (memoryOf.get(operand) === memory) found.push(`${op} writes where it reads`);
      }
      if (!fits(count, memory.count)) found.push(`${op} writes ${count} elements to ${memory.count}`);
      content.set(memory, array);
    }
    for (const { next } of plan.slotArrays) if (next !== undefined) read(next, "the end of a step");
    for (const { report } of plan.outputs.values())
      for (const array of [report.array, ...report.launches.flatMap(({ operands }) => operands)])
        read(array, "a report");
  }
  return found;
}

const elements = (shared: readonly { readonly count: number }[]): number =>
  shared.reduce((sum, { count }) => sum + count, 0);

describe.each(["ref-hybrid", "resnet8"] as const)("memory of a training step of %s", (name) => {
  const plan = planOf(name, 8);

  it("holds every array as long as it is read", () => {
    expect(misuses(plan, anyRoom)).toEqual([]);
    expect(misuses(plan, sameSize)).toEqual([]);
  });

  it("is little more than what is needed at once", () => {
    const alone = elements(shareMemory(plan, () => false));
    const [any, same] = [anyRoom, sameSize].map((fits) => elements(shareMemory(plan, fits)));
    expect(any).toBeGreaterThanOrEqual(mostAlive(plan));
    expect(any).toBeLessThan(1.2 * mostAlive(plan));
    expect(same).toBeGreaterThanOrEqual(any!);
    expect(same).toBeLessThan(0.75 * alone);
  });
});

describe.skipIf(!hasBrowser).each(["webgpu", "webgl2"] as const)("memory on %s", (mode) => {
  const page = suitePage<typeof memoryPage>(new URL("memory-page.ts", import.meta.url));

  it("is what a program says, until it is disposed of", async () => {
    const { allocated, said, planned, after } = await page.call("stepBytes", mode);
    expect(said).toBeGreaterThan(planned);
    // Parameters of kernels, what is read back, and textures that are not full.
    expect(allocated / said).toBeGreaterThan(1);
    expect(allocated / said).toBeLessThan(1.1);
    expect(after).toBe(0);
  });
});
