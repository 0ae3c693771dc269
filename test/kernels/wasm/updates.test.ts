import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { buildGraph, type Assign } from "../../../engine/graph.ts";
import { randomNormal } from "../../../engine/random.ts";
import { input, readSlot, recordOne } from "../../../engine/record.ts";
import type { Slot } from "../../../engine/slot.ts";
import { adamW, sgd, type Optimizer } from "../../../engine/train/optimizers.ts";
import { averageUpdates } from "../../../engine/train/weight-average.ts";
import { WasmBackend } from "../../../kernels/wasm/backend.ts";
import { Heap } from "../../../kernels/wasm/heap.ts";
import { moduleFiles } from "../../../kernels/wasm/variants.ts";
import { shareRunner } from "./share-runner.ts";

const module = await WebAssembly.compile(
  await readFile(new URL(`../../../kernels/wasm/${moduleFiles.wide}`, import.meta.url)),
);

const sizes = [1, 5, 16, 300, 1027, 5000, 7, 2048];

const parameters = sizes.map((size, stream): Slot => {
  const initial = (): Float32Array => Float32Array.from({ length: size }, (_, index) => randomNormal(stream, index));
  return { name: `p${stream}`, shape: [size], kind: "parameter", decay: stream % 2 === 0, initial };
});

const statistics = sizes.map((size, stream): Slot => {
  const initial = (): Float32Array =>
    Float32Array.from({ length: size }, (_, index) => randomNormal(99 + stream, index));
  return { name: `mean${stream}`, shape: [size], kind: "buffer", decay: false, initial };
});

/** Updates of some of the parameters and their averages, and of running statistics. */
function updates(optimizer: Optimizer, chosen: readonly number[]): Assign[] {
  const [learningRate, step] = [input("learningRate", []), input("step", [])];
  const inputs = { learningRate, step, gradientFactor: undefined };
  const optimized = chosen.flatMap((index) => {
    const parameter = parameters[index]!;
    return optimizer.update(parameter, input(`gradient${index}`, parameter.shape), inputs);
  });
  const running = chosen.map((index) => {
    const slot = statistics[index]!;
    const value = recordOne("movingAverage", [readSlot(slot), input(`value${index}`, slot.shape)], {
      momentum: 0.1,
      factor: 1 + 1 / (index + 1),
    });
    return { slot, value };
  });
  return [...optimized, ...averageUpdates(optimized, step, { decay: 0.9 }), ...running];
}

/** What three steps leave in the slots, and the kernels of a step. */
async function train(backend: WasmBackend, optimizer: Optimizer, chosen: readonly number[]) {
  const graph = buildGraph({}, updates(optimizer, chosen));
  const program = await backend.compile(graph);
  for (let step = 1; step <= 3; step++) {
    const gradients = graph.inputs.map(({ name, shapes: [shape] }) => {
      const stream = 1000 * step + Number(/\d*$/.exec(name)![0]);
      return [name, Float32Array.from({ length: shape[0] ?? 1 }, (_, index) => randomNormal(stream, index))] as const;
    });
    const scalars = { learningRate: Float32Array.of(0.01), step: Float32Array.of(step) };
    await program.run({ ...Object.fromEntries(gradients), ...scalars });
  }
  const slots = new Map<string, Float32Array>();
  for (const name of program.slotNames) slots.set(name, await program.readSlot(name));
  const kernels = program.plan.steps.map(({ kernel }) => kernel).filter((kernel) => kernel !== "barrier");
  await program.dispose();
  return { slots, kernels };
}

describe.each([adamW({ weightDecay: 0.1 }), sgd({ weightDecay: 0.1 })])("updates of $name", (optimizer) => {
  it.each([1, 2, 3])(
    "of all parameters are one step, with the bits of one for each, on %i threads",
    async (threads) => {
      const heap = new Heap();
      const backend = new WasmBackend("wide", heap, shareRunner(module, heap, threads));
      const all = await train(backend, optimizer, [...sizes.keys()]);
      expect(all.kernels.sort()).toEqual([optimizer.name, "exponentialMovingAverage", "movingAverage"].sort());
      for (const index of sizes.keys()) {
        const { slots } = await train(backend, optimizer, [index]);
        expect(slots.size).toBeGreaterThan(3);
        for (const [name, values] of slots) expect(all.slots.get(name), name).toEqual(values);
      }
      await backend.dispose();
    },
  );
});
