import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import type { Backend } from "../../../engine/backend.ts";
import { buildGraph } from "../../../engine/graph.ts";
import { randomInteger } from "../../../engine/random.ts";
import { input, record } from "../../../engine/record.ts";
import { elementCount, type Padding, type Pair } from "../../../engine/shape.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { WasmBackend } from "../../../kernels/wasm/backend.ts";
import { Heap } from "../../../kernels/wasm/heap.ts";
import { createWasmBackend } from "../../../kernels/wasm/node/index.ts";
import { moduleFiles } from "../../../kernels/wasm/variants.ts";
import { shareRunner } from "./share-runner.ts";

interface Pool {
  readonly image: readonly [images: number, rows: number, columns: number, channels: number];
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Padding;
}

const square = (size: number, stride: number, rows: number, channels: number, images = 2): Pool => {
  const border = (size - 1) >> 1;
  return {
    image: [images, rows, rows, channels],
    kernel: [size, size],
    stride: [stride, stride],
    padding: [border, border, border, border],
  };
};

const pools: readonly Pool[] = [
  ...[3, 5, 7, 9].flatMap((size) => [1, 2].map((stride) => square(size, stride, 20, 12))),
  square(3, 2, 32, 24, 1),
  square(9, 1, 8, 52),
  square(5, 2, 7, 20),
  square(9, 2, 33, 5, 1),
  square(2, 1, 9, 8),
  { image: [2, 1, 13, 3], kernel: [1, 9], stride: [1, 2], padding: [0, 0, 4, 4] },
  { image: [1, 40, 3, 17], kernel: [6, 4], stride: [3, 4], padding: [5, 2, 3, 0] },
  { image: [2, 19, 6, 8], kernel: [2, 3], stride: [3, 1], padding: [1, 0, 0, 2] },
];

function graphOf({ image, kernel, stride, padding }: Pool) {
  const sliding = { kernel, stride, padding };
  const x = input("x", image);
  const pooled = record("maxPool", [x], sliding)[0]!;
  const dy = input("dy", pooled.shape);
  const outputs: Record<string, Tensor> = {
    max: pooled,
    average: record("averagePool", [x], sliding)[0]!,
    mix: record("mixPool", [x], sliding)[0]!,
    maxGradient: record("maxPoolGradient", [dy, x], sliding)[0]!,
    averageGradient: record("averagePoolGradient", [dy], { ...sliding, inputShape: image })[0]!,
    mixGradient: record("mixPoolGradient", [dy, x], sliding)[0]!,
  };
  return buildGraph(outputs);
}

/** Few different numbers: most windows hold their maximum several times, and sums of maxima are exact. */
async function run(backend: Backend, pool: Pool): Promise<Map<string, Float32Array>> {
  const graph = graphOf(pool);
  const program = await backend.compile(graph);
  const feeds = Object.fromEntries(
    graph.inputs.map(({ name, shapes: [shape] }) => [
      name,
      Float32Array.from({ length: elementCount(shape) }, (_, i) => randomInteger(name === "x" ? 3 : 64, 5, i) - 1),
    ]),
  );
  await program.run(feeds);
  const results = new Map<string, Float32Array>();
  for (const name of Object.keys(graph.outputs)) results.set(name, await program.read(name));
  await program.dispose();
  return results;
}

test.each(["wide", "narrow", "plain"] as const)(
  "%s kernels give the gradient of a maximum to the first cell that holds it",
  async (variant) => {
    const backend = await createWasmBackend({ variant, inline: true });
    const reference = createReferenceBackend();
    for (const pool of pools) {
      const expected = await run(reference, pool);
      const got = await run(backend, pool);
      for (const name of ["max", "maxGradient"])
        expect(got.get(name), `${name} of ${JSON.stringify(pool)}`).toEqual(expected.get(name));
      for (const [name, values] of expected) {
        const off = values.reduce((most, value, i) => Math.max(most, Math.abs(got.get(name)![i]! - value)), 0);
        expect(off, `${name} of ${JSON.stringify(pool)}`).toBeLessThan(1e-4);
      }
    }
    await backend.dispose();
  },
);

test("any number of threads gives the same bits", async () => {
  const file = new URL(`../../../kernels/wasm/${moduleFiles.wide}`, import.meta.url);
  const module = await WebAssembly.compile(await readFile(file));
  const backends = [1, 2, 3, 7].map((threads) => {
    const heap = new Heap();
    return new WasmBackend("wide", heap, shareRunner(module, heap, threads));
  });
  for (const pool of pools) {
    const [one, ...others] = await Promise.all(backends.map((backend) => run(backend, pool)));
    for (const other of others) expect(other, JSON.stringify(pool)).toEqual(one);
  }
});
