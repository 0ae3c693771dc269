import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import type { Backend } from "../../../engine/backend.ts";
import { buildGraph } from "../../../engine/graph.ts";
import { randomUniform } from "../../../engine/random.ts";
import { record, input } from "../../../engine/record.ts";
import { elementCount, kernelExtent, windowOutput } from "../../../engine/shape.ts";
import type { Padding, Pair, Shape } from "../../../engine/shape.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { WasmBackend } from "../../../kernels/wasm/backend.ts";
import { Heap } from "../../../kernels/wasm/heap.ts";
import { createWasmBackend } from "../../../kernels/wasm/node/index.ts";
import { moduleFiles } from "../../../kernels/wasm/variants.ts";
import { shareRunner } from "./share-runner.ts";

/** A repeatable stream of numbers in [0, 1). */
function stream(seed: number): () => number {
  let position = 0;
  return () => randomUniform(seed, position++);
}

function pick<T>(next: () => number, options: readonly T[]): T {
  return options[Math.floor(next() * options.length)]!;
}

interface Window {
  readonly image: Shape;
  readonly outputs: number;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Padding;
  readonly dilation: Pair;
  readonly groups: number;
}

function randomWindow(next: () => number, dilations: readonly number[], groupCounts: readonly number[]): Window {
  const kernels = [1, 1, 2, 3, 3, 3, 4, 5, 7, 8, 9, 11];
  const kernel: Pair = [pick(next, kernels), pick(next, kernels)];
  const dilation: Pair = [pick(next, dilations), pick(next, dilations)];
  const [tall, wide] = kernelExtent(kernel, dilation);
  const pad = (size: number): number => pick(next, [0, (size - 1) >> 1, (size - 1) >> 1, size - 1, size]);
  const padding: Padding = [pad(tall), pad(tall), pad(wide), pad(wide)];
  const extent = (size: number, border: number): number => Math.max(1, size - border) + Math.floor(next() * 13);
  const rows = extent(tall, padding[0] + padding[1]);
  const columns = extent(wide, padding[2] + padding[3]);
  const groups = pick(next, groupCounts);
  const channels = groups === 1 ? [1, 2, 3, 4, 5, 7, 8, 12, 13, 16, 20, 24, 31, 40, 48] : [1, 2, 3, 4, 5, 8, 12, 16];
  return {
    image: [pick(next, [1, 1, 2, 3, 9]), rows, columns, groups * pick(next, channels)],
    outputs: groups * pick(next, channels),
    kernel,
    stride: [pick(next, [1, 1, 2, 2, 3, 4]), pick(next, [1, 1, 2, 2, 3, 4])],
    padding,
    dilation,
    groups,
  };
}

const dense = (next: () => number): Window => randomWindow(next, [1], [1]);
const sparse = (next: () => number): Window => randomWindow(next, [1, 2, 2, 3, 4], [1, 2, 3, 8]);

function convolutions(window: Window): Record<string, Tensor> {
  const { image, outputs, kernel, stride, padding, dilation, groups } = window;
  const channels = image[3]!;
  const output = [image[0]!, ...windowOutput("test", [image[1]!, image[2]!], kernel, window)];
  const x = input("x", image);
  const w = input("w", [...kernel, channels / groups, outputs]);
  const dy = input("dy", [...output, outputs]);
  const depthwise = input("depthwise", [...kernel, channels]);
  const dz = input("dz", [...output, channels]);
  const sliding = { stride, padding, dilation };
  const grouped = { ...sliding, groups };
  return {
    conv2d: record("conv2d", [x, w], grouped)[0]!,
    conv2dInputGradient: record("conv2dInputGradient", [dy, w], { ...grouped, inputShape: image })[0]!,
    conv2dFilterGradient: record("conv2dFilterGradient", [x, dy], { ...grouped, kernel })[0]!,
    depthwiseConv2d: record("depthwiseConv2d", [x, depthwise], sliding)[0]!,
    depthwiseInput: record("depthwiseConv2dInputGradient", [dz, depthwise], { ...sliding, inputShape: image })[0]!,
    depthwiseFilter: record("depthwiseConv2dFilterGradient", [x, dz], { ...sliding, kernel })[0]!,
  };
}

function products(m: number, n: number, k: number): Record<string, Tensor> {
  const outputs: Record<string, Tensor> = {};
  for (const transposeA of [false, true])
    for (const transposeB of [false, true]) {
      const a = input(`a${transposeA}${transposeB}`, transposeA ? [k, m] : [m, k]);
      const b = input(`b${transposeA}${transposeB}`, transposeB ? [n, k] : [k, n]);
      outputs[`${transposeA ? "aᵀ" : "a"}${transposeB ? "bᵀ" : "b"}`] = a.matmul(b, { transposeA, transposeB });
    }
  return outputs;
}

const noise = Float32Array.from({ length: 10_007 }, (_, i) => randomUniform(17, i) - 0.5);

async function run(backend: Backend, outputs: Record<string, Tensor>): Promise<Map<string, Float32Array>> {
  const graph = buildGraph(outputs);
  const inputs = Object.fromEntries(
    graph.inputs.map(({ name, shapes: [shape] }, input) => [
      name,
      Float32Array.from({ length: elementCount(shape) }, (_, i) => noise[(997 * input + i) % noise.length]!),
    ]),
  );
  const program = await backend.compile(graph);
  await program.run(inputs);
  const values = new Map<string, Float32Array>();
  for (const name of Object.keys(outputs)) values.set(name, await program.read(name));
  await program.dispose();
  return values;
}

/** Largest difference, relative to the largest value that is expected. */
function error(got: Float32Array, expected: Float32Array): number {
  const scale = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-3);
  return (
    got.reduce((largest, value, i) => {
      const difference = Math.abs(value - expected[i]!);
      return Number.isFinite(difference) ? Math.max(largest, difference) : Infinity;
    }, 0) / scale
  );
}

/** Names of the values that are not the same bit for bit. */
function differing(a: ReadonlyMap<string, Float32Array>, b: ReadonlyMap<string, Float32Array>): string[] {
  const bits = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer, values.byteOffset, values.length);
  return [...a.keys()].filter((name) => {
    const other = bits(b.get(name)!);
    return !bits(a.get(name)!).every((word, i) => word === other[i]);
  });
}

async function expectLikeReference(backend: Backend, outputs: Record<string, Tensor>, label: string): Promise<void> {
  const expected = await run(createReferenceBackend(), outputs);
  const got = await run(backend, outputs);
  for (const [name, values] of expected)
    expect(error(got.get(name)!, values), `${name} of ${label}`).toBeLessThan(2e-5);
}

test.each(["wide", "narrow", "plain"] as const)("%s tiles convolve as the reference does", async (variant) => {
  const backend = await createWasmBackend({ variant, inline: true });
  const next = stream(variant.length);
  for (let i = 0; i < 80; i++) {
    const window = (i < 40 ? dense : sparse)(next);
    await expectLikeReference(backend, convolutions(window), JSON.stringify(window));
  }
  await backend.dispose();
});

test.each(["wide", "narrow", "plain"] as const)("%s tiles multiply matrices as the reference does", async (variant) => {
  const backend = await createWasmBackend({ variant, inline: true });
  const next = stream(3);
  const sizes = [1, 2, 3, 5, 6, 8, 10, 13, 16, 24, 40, 64, 100, 129, 300];
  for (let i = 0; i < 40; i++) {
    const [m, n, k] = [pick(next, sizes), pick(next, sizes), pick(next, sizes)];
    await expectLikeReference(backend, products(m, n, k), `${m}×${n}×${k}`);
  }
  await backend.dispose();
});

test("tiles for wide and narrow registers give the same bits", async () => {
  const wide = await createWasmBackend({ variant: "wide", inline: true });
  const narrow = await createWasmBackend({ variant: "narrow", inline: true });
  const next = stream(29);
  for (let i = 0; i < 40; i++) {
    const window = (i < 20 ? dense : sparse)(next);
    const outputs = { ...convolutions(window), ...products(7 * i + 1, window.outputs, 40) };
    expect(differing(await run(wide, outputs), await run(narrow, outputs)), JSON.stringify(window)).toEqual([]);
  }
  await wide.dispose();
  await narrow.dispose();
});

test("any number of threads gives the same bits", async () => {
  const file = new URL(`../../../kernels/wasm/${moduleFiles.wide}`, import.meta.url);
  const module = await WebAssembly.compile(await readFile(file));
  const backends = [1, 2, 3, 7].map((threads) => {
    const heap = new Heap();
    return new WasmBackend("wide", heap, shareRunner(module, heap, threads));
  });
  const next = stream(31);
  for (let i = 0; i < 40; i++) {
    const window = (i < 20 ? dense : sparse)(next);
    const outputs = { ...convolutions(window), ...products(20 * i + 1, window.outputs, 300) };
    const [one, ...others] = await Promise.all(backends.map((backend) => run(backend, outputs)));
    for (const other of others) expect(differing(one!, other), JSON.stringify(window)).toEqual([]);
  }
});
