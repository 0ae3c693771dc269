import fc from "fast-check";
import { readFile } from "node:fs/promises";
import { afterAll, describe, expect, it } from "vitest";
import { refHybrid, resnet8 } from "../../../engine/architecture.ts";
import { grad } from "../../../engine/grad.ts";
import { buildGraph, type Graph } from "../../../engine/graph.ts";
import { Model } from "../../../engine/model.ts";
import { activate } from "../../../engine/ops/activation.ts";
import { conv2d, depthwiseConv2d } from "../../../engine/ops/conv2d.ts";
import { batchNormTraining } from "../../../engine/ops/normalize.ts";
import { mixPool } from "../../../engine/ops/pool.ts";
import { lowerModel } from "../../../engine/plan/lower.ts";
import { inferenceToGraph } from "../../../engine/plan/record-inference.ts";
import { randomNormal } from "../../../engine/random.ts";
import { constant, input } from "../../../engine/record.ts";
import { elementCount, type Shape } from "../../../engine/shape.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { adamW } from "../../../engine/train/optimizers.ts";
import { trainingStep } from "../../../engine/train/training-step.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { WasmBackend } from "../../../kernels/wasm/backend.ts";
import { Heap } from "../../../kernels/wasm/heap.ts";
import { createWasmBackend } from "../../../kernels/wasm/node/index.ts";
import { planGraph, type WasmPlan } from "../../../kernels/wasm/plan.ts";
import { moduleFiles, profileOf } from "../../../kernels/wasm/variants.ts";
import { shareRunner } from "./share-runner.ts";

const wide = await createWasmBackend({ variant: "wide", inline: true });
const module = await WebAssembly.compile(
  await readFile(new URL(`../../../kernels/wasm/${moduleFiles.wide}`, import.meta.url)),
);
const threaded = [2, 3].map((threads) => {
  const heap = new Heap();
  return new WasmBackend("wide", heap, shareRunner(module, heap, threads));
});
const plain = await createWasmBackend({ variant: "plain", inline: true });
const reference = createReferenceBackend({ precision: "float64" });
afterAll(() => Promise.all([wide, plain, ...threaded].map((backend) => backend.dispose())));

/** What a random network does next, with one of the values so far. */
const step = fc.record({
  op: fc.constantFrom(
    "conv2d",
    "pointwise",
    "depthwise",
    "normalize",
    "normalize",
    "relu",
    "relu",
    "gelu",
    "sigmoid",
    "add",
    "add",
    "multiply",
    "scale",
    "bias",
    "pool",
  ),
  /** Counted from the last value. */
  from: fc.nat({ max: 2 }),
  other: fc.nat({ max: 5 }),
});

interface Network {
  readonly image: Shape;
  readonly steps: readonly { op: string; from: number; other: number }[];
  readonly expose: boolean;
}

const network: fc.Arbitrary<Network> = fc.record({
  image: fc.tuple(
    fc.constantFrom(1, 2, 5),
    fc.integer({ min: 4, max: 9 }),
    fc.integer({ min: 4, max: 9 }),
    fc.constantFrom(3, 4, 8, 10, 20),
  ),
  steps: fc.array(step, { minLength: 2, maxLength: 12 }),
  expose: fc.boolean(),
});

/** The network's outputs and the gradients of all that it depends on. */
function record({ image, steps, expose }: Network): { graph: Graph; feeds: Record<string, Float32Array> } {
  const feeds: Record<string, Float32Array> = {};
  const sources: Tensor[] = [];
  const feed = (shape: Shape, spread: number): Tensor => {
    const name = `x${sources.length}`;
    const stream = sources.length;
    feeds[name] = Float32Array.from({ length: elementCount(shape) }, (_, i) => spread * randomNormal(stream, i));
    const tensor = input(name, shape);
    sources.push(tensor);
    return tensor;
  };
  const channels = image[3]!;
  const values = [feed(image, 1)];
  for (const { op, from, other } of steps) {
    const x = values.at(-1 - (from % values.length))!;
    const same = values.filter((value) => value.shape.join() === x.shape.join());
    const z = same[other % same.length]!;
    const apply = (): Tensor => {
      switch (op) {
        case "conv2d":
          return conv2d(x, feed([3, 3, channels, channels], 0.3));
        case "pointwise":
          return conv2d(x, feed([1, 1, channels, channels], 0.3));
        case "depthwise":
          return depthwiseConv2d(x, feed([3, 3, channels], 0.4));
        case "normalize":
          return batchNormTraining(x, { gamma: feed([channels], 1), beta: feed([channels], 1) }).y;
        case "relu":
          return x.relu();
        case "gelu":
          return x.gelu();
        case "sigmoid":
          return x.sigmoid();
        case "add":
          return x.add(z);
        case "multiply":
          return x.multiply(z.scale(0.5));
        case "scale":
          return x.scale(0.7);
        case "bias":
          return x.bias(feed([channels], 1));
        default:
          return x.shape[1]! > 4 ? mixPool(x, { kernel: 2, stride: 2 }) : x;
      }
    };
    values.push(apply());
  }
  const y = values.at(-1)!;
  const loss = y.multiply(feed(y.shape, 1)).mean();
  const needed = new Set(buildGraph({ loss }).inputs.map(({ name }) => name));
  const used = sources.filter(({ node }) => node.kind === "input" && needed.has(node.name));
  const gradients = grad(loss, used);
  const between = expose ? Object.fromEntries(values.slice(1).map((value, i) => [`v${i}`, value])) : {};
  const graph = buildGraph({
    ...{ y, ...between },
    ...Object.fromEntries(gradients.map((gradient, i) => [`d${i}`, gradient])),
  });
  return { graph, feeds };
}

/** The largest difference as a share of the largest value; some gradients vanish but for rounding. */
function error(actual: Float32Array, expected: ArrayLike<number>): number {
  const largest = Array.from(expected).reduce((most, value) => Math.max(most, Math.abs(value)), 1e-2);
  return actual.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0) / largest;
}

function planWith(graph: Graph, recompute: boolean): WasmPlan {
  return planGraph(graph, { tiles: "wide", profile: profileOf("wide"), threads: 1, recompute });
}

function activationBytes(graph: Graph, recompute: boolean): number {
  return planWith(graph, recompute).memory.arenaBytes;
}

describe("random networks", () => {
  it("give the values and gradients of the reference, and one set of bits", { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(network, async (drawn) => {
        const { graph, feeds } = record(drawn);
        const inputs = Object.fromEntries(graph.inputs.map(({ name }) => [name, feeds[name]!]));
        const [expected, actual, other, ...same] = await Promise.all(
          [reference, wide, plain, ...threaded].map((backend) => backend.compile(graph)),
        );
        for (const program of [expected!, actual!, other!, ...same]) await program.run(inputs);
        const kept: Record<string, Float32Array> = {};
        for (const name of Object.keys(graph.outputs)) {
          const values = await actual!.read(name);
          for (const result of [values, await other!.read(name)])
            expect(error(result, await expected!.read(name)), name).toBeLessThan(3e-3);
          kept[name] = values;
          for (const program of same) expect(await program.read(name), name).toEqual(values);
        }
        await Promise.all([actual!, other!, ...same].map((program) => program.dispose()));
        const [plan, smaller] = [false, true].map((recompute) => planWith(graph, recompute));
        const less = smaller!.memory.arenaBytes;
        if (less >= plan!.memory.arenaBytes || smaller!.sums.join() !== plan!.sums.join()) return;
        const tight = await createWasmBackend({ variant: "wide", inline: true, maxActivationBytes: less });
        const recomputing = await tight.compile(graph);
        await recomputing.run(inputs);
        for (const name of Object.keys(graph.outputs)) expect(await recomputing.read(name), name).toEqual(kept[name]);
        await tight.dispose();
      }),
      { numRuns: 150, seed: 20 },
    );
  });
});

/** How often each step of a kernel is planned, by the ops that it does. */
function planned(graph: Graph, kernels: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kernel, ops } of planGraph(graph, { tiles: "wide", profile: profileOf("wide"), threads: 1 }).steps) {
    const names = ops.map(({ op }) => op).join("+");
    if (kernels.includes(kernel)) counts[names] = (counts[names] ?? 0) + 1;
  }
  return counts;
}

const strips = ["convolve", "winograd", "depthwise"];

describe("a limit of activation memory", () => {
  const step = trainingStep(Model.fromArchitecture(refHybrid), { batchSize: 4, optimizer: adamW() });

  it("has values computed again that would be stored otherwise", async () => {
    const [most, least] = [activationBytes(step, false), activationBytes(step, true)];
    expect(least).toBeLessThan(most);
    const backend = await createWasmBackend({ variant: "wide", inline: true, maxActivationBytes: most - 1 });
    const program = await backend.compile(step);
    expect(program.statistics.arenaBytes).toBe(least);
    await backend.dispose();
  });

  it("refuses what does not fit", async () => {
    const backend = await createWasmBackend({ variant: "wide", inline: true, maxActivationBytes: 100_000 });
    await expect(backend.compile(step)).rejects.toThrow(
      `wasm: one run keeps ${activationBytes(step, true)} bytes of activations, 100000 are allowed: ` +
        "take a smaller batch or allow more",
    );
    await backend.dispose();
  });
});

describe("the plan", () => {
  it("follows convolutions with bias, relu and shortcut in the same step", () => {
    const graph = inferenceToGraph(lowerModel(Model.fromArchitecture(resnet8)));
    expect(planned(graph, [...strips, "pass"])).toEqual({
      "conv2d+bias+relu": 4,
      "conv2d+bias+add+relu": 1,
      "conv2d+bias+bias+add+relu": 2,
      conv2d: 2,
      "matmul+bias": 1,
    });
  });

  it("takes the moments of a batch behind the convolution that gives it", () => {
    const step = trainingStep(Model.fromArchitecture(refHybrid), { batchSize: 8, optimizer: adamW() });
    const behind = planned(step, strips);
    expect(behind["conv2d+batchNormTraining"]).toBe(13);
    expect(behind["batchNormTraining+relu+conv2d+batchNormTraining"]).toBe(5);
    expect(behind["batchNormTraining+relu+depthwiseConv2d+batchNormTraining"]).toBe(3);
  });

  it("normalises and rectifies where windows are read, and stores nothing for it", () => {
    const step = trainingStep(Model.fromArchitecture(refHybrid), { batchSize: 8, optimizer: adamW() });
    const loaded = planned(step, ["convolveFilterGradient", "winogradFilterGradient", "depthwiseFilterGradient"]);
    expect(loaded["batchNormTraining+relu+conv2dFilterGradient"]).toBe(5);
    expect(loaded["batchNormTraining+relu+depthwiseConv2dFilterGradient"]).toBe(3);
    expect(planned(step, ["pass"])).not.toHaveProperty("batchNormTraining+relu");
  });

  it("rectifies and sums gradients behind the convolution that gives the last of them", () => {
    const step = trainingStep(Model.fromArchitecture(resnet8), { batchSize: 8, optimizer: adamW() });
    const behind = planned(step, strips);
    expect(behind["conv2dInputGradient+add+reluGradient+batchNormTrainingGradient"]).toBe(3);
    expect(behind["conv2dInputGradient+reluGradient+batchNormTrainingGradient"]).toBe(3);
  });

  it("normalises, rectifies and adds a shortcut in one pass", () => {
    const step = trainingStep(Model.fromArchitecture(refHybrid), { batchSize: 8, optimizer: adamW() });
    expect(planned(step, ["pass"])).toMatchObject({ "batchNormTraining+relu+batchNormTraining+relu+add": 7 });
  });

  it.each(["gelu", "sigmoid", "hardSwish"] as const)("follows convolutions with %s in the same step", (activation) => {
    const w = constant(new Float32Array(64), [1, 1, 8, 8]);
    const y = activate(conv2d(input("x", [2, 4, 4, 8]), w).bias(constant(new Float32Array(8))), activation);
    expect(planned(buildGraph({ y }), [...strips, "pass"])).toEqual({ [`conv2d+bias+${activation}`]: 1 });
  });

  it("computes the gradient of gelu once, behind the convolution that gives the gradient of its result", () => {
    const [x, w] = [input("x", [2, 4, 4, 8]), input("w", [1, 1, 8, 8])];
    const y = batchNormTraining(conv2d(x, w)).y.gelu();
    const [dw] = grad(
      conv2d(y, input("v", [1, 1, 8, 8]))
        .multiply(input("dy", [2, 4, 4, 8]))
        .mean(),
      [w],
    );
    const steps = planned(buildGraph({ dw: dw! }), [...strips, "pass"]);
    expect(steps["conv2dInputGradient+batchNormTraining+geluGradient+batchNormTrainingGradient"]).toBe(1);
    expect(Object.keys(steps).filter((name) => name.includes("geluGradient"))).toHaveLength(1);
  });

  it("stores what something else reads, and reads it from there", async () => {
    const x = input("x", [2, 4, 4, 8]);
    const y = conv2d(x, input("w", [1, 1, 8, 8]));
    const graph = buildGraph({ y, relu: y.relu(), sum: y.relu().add(x) });
    expect(planned(graph, [...strips, "pass"])).toEqual({ conv2d: 1, relu: 1, "relu+add": 1 });
  });
});
