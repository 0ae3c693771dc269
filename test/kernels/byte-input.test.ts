import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { refHybrid } from "../../engine/architecture.ts";
import type { Backend, Feeds } from "../../engine/backend.ts";
import { lookUpBytes } from "../../engine/byte-lookup.ts";
import { normalizationTable } from "../../engine/data/normalization.ts";
import { grad } from "../../engine/grad.ts";
import { buildGraph, type Graph } from "../../engine/graph.ts";
import { Model } from "../../engine/model.ts";
import { conv2d, depthwiseConv2d } from "../../engine/ops/conv2d.ts";
import { maxPool } from "../../engine/ops/pool.ts";
import { randomInteger, randomNormal } from "../../engine/random.ts";
import { byteInput, input } from "../../engine/record.ts";
import { elementCount, type Shape } from "../../engine/shape.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { adamW } from "../../engine/train/optimizers.ts";
import { trainingStep } from "../../engine/train/training-step.ts";
import { createGpuBackend } from "../../kernels/gpu/index.ts";
import { loadGpuJs } from "../../kernels/gpu/node/load-gpu-js.ts";
import { createReferenceBackend } from "../../kernels/reference/index.ts";
import { createWasmBackend } from "../../kernels/wasm/node/index.ts";

const wide = await createWasmBackend({ variant: "wide", inline: true });
const backends: readonly Backend[] = [
  createReferenceBackend(),
  wide,
  await createWasmBackend({ variant: "plain", inline: true }),
  await createWasmBackend({ threads: 2 }),
];
/** Packs bytes, and is slow. */
const gpu = await createGpuBackend(await loadGpuJs(), { mode: "cpu" });
afterAll(() => Promise.all([...backends, gpu].map((backend) => backend.dispose())));

const normals = (count: number, stream: number): Float32Array =>
  Float32Array.from({ length: count }, (_, index) => randomNormal(stream, index));
const randomBytes = (count: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, index) => randomInteger(256, 3, index));

/** Everything that a program leaves behind, slots included. */
async function results(backend: Backend, graph: Graph, feeds: Feeds): Promise<Record<string, Float32Array>> {
  const program = await backend.compile(graph);
  try {
    await program.run(feeds);
    const values: Record<string, Float32Array> = {};
    for (const name of Object.keys(graph.outputs)) values[name] = await program.read(name);
    for (const name of program.slotNames) values[`slot ${name}`] = await program.readSlot(name);
    return values;
  } finally {
    await program.dispose();
  }
}

/** What reads the image, each in its own way: in windows of several kinds, twice, element by element, or not at all. */
const readers: Readonly<Record<string, (x: Tensor, weights: (shape: Shape) => Tensor) => Tensor[]>> = {
  window: (x, w) => [conv2d(x, w([3, 3, x.shape[3]!, 5]))],
  strided: (x, w) => [conv2d(x, w([3, 3, x.shape[3]!, 4]), { stride: 2 })],
  pixel: (x, w) => [conv2d(x, w([1, 1, x.shape[3]!, 8]))],
  depthwise: (x, w) => [depthwiseConv2d(x, w([3, 3, x.shape[3]!]))],
  pool: (x) => [maxPool(x, { kernel: 2, stride: 2 })],
  elements: (x) => [x.relu(), x.scale(2).add(x)],
  several: (x, w) => [conv2d(x, w([3, 3, x.shape[3]!, 4])), maxPool(x, { kernel: 2, stride: 2 }), x],
  itself: (x) => [x],
};

describe("an input of bytes", () => {
  const networks = fc.record({
    image: fc.tuple(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 3, max: 9 }),
      fc.integer({ min: 3, max: 9 }),
      fc.integer({ min: 1, max: 5 }),
    ),
    reader: fc.constantFrom(...Object.keys(readers)),
  });

  it("gives the bits of the floats that its bytes stand for, gradients of weights included", async () => {
    await fc.assert(
      fc.asyncProperty(networks, async ({ image, reader }) => {
        const lookup = normals(256 * image[3], 1);
        const bytes = randomBytes(elementCount(image));
        const floats = new Float32Array(bytes.length);
        lookUpBytes(floats, bytes, lookup);
        const graph = (x: Tensor): Graph => {
          const weights: Tensor[] = [];
          const y = readers[reader]!(x, (shape) => {
            const w = input("w", shape);
            weights.push(w);
            return w;
          });
          const gradients = grad(y[0]!.multiply(y[0]!).mean(), weights);
          return buildGraph(Object.fromEntries([...y, ...gradients].map((tensor, index) => [`y${index}`, tensor])));
        };
        const fed = graph(byteInput("x", image, lookup));
        const w = fed.inputs
          .filter(({ name }) => name === "w")
          .map(({ shapes }) => normals(elementCount(shapes[0]), 2));
        const others: Feeds = w[0] ? { w: w[0] } : {};
        for (const backend of [...backends, gpu])
          expect(await results(backend, fed, { x: bytes, ...others })).toEqual(
            await results(backend, graph(input("x", image)), { x: floats, ...others }),
          );
      }),
      { numRuns: 60 },
    );
  });

  it("trains to the same bits as images that were normalised before", async () => {
    const normalization = { mean: [0.49, 0.48, 0.45], deviation: [0.25, 0.24, 0.26] };
    const bytes = randomBytes(6 * 3072);
    const images = new Float32Array(bytes.length);
    lookUpBytes(images, bytes, normalizationTable(normalization));
    const others = {
      labels: Float32Array.of(0, 1, 2, 3, 4, 5),
      learningRate: Float32Array.of(1e-3),
      step: Float32Array.of(1),
    };
    const model = Model.fromArchitecture(refHybrid);
    const options = { batchSize: 6, optimizer: adamW() };
    for (const backend of backends) {
      const expected = await results(backend, trainingStep(model, options), { images, ...others });
      const step = trainingStep(model, { ...options, normalization });
      expect(await results(backend, step, { images: bytes, ...others })).toEqual(expected);
    }
  });

  it("is never stored as floats where only windows read it", async () => {
    const model = Model.fromArchitecture(refHybrid);
    const normalization = { mean: [0.5, 0.5, 0.5], deviation: [0.25, 0.25, 0.25] };
    const options = { batchSize: 8, optimizer: adamW() };
    const [bytes, floats] = await Promise.all([
      wide.compile(trainingStep(model, { ...options, normalization })),
      wide.compile(trainingStep(model, options)),
    ]);
    expect(bytes.statistics.arenaBytes).toBe(floats.statistics.arenaBytes);
    expect(bytes.statistics.stateBytes).toBeLessThan(floats.statistics.stateBytes - 2 * 8 * 3072);
    await bytes.dispose();
    await floats.dispose();
  });

  it.each([...backends, gpu].map((backend) => [`${backend.name} ${backend.variant}`, backend] as const))(
    "is refused floats, and floats are refused bytes: %s",
    async (_, backend) => {
      const program = await backend.compile(
        buildGraph({ y: byteInput("bytes", [2, 1], new Float32Array(256)).add(input("floats", [2, 1])) }),
      );
      await expect(program.run({ bytes: new Float32Array(2) })).rejects.toThrow(
        `${backend.name}: input bytes takes bytes, got floats`,
      );
      await expect(program.run({ floats: new Uint8Array(2) })).rejects.toThrow(
        `${backend.name}: input floats takes floats, got bytes`,
      );
      await expect(program.run({ bytes: new Uint8Array(3) })).rejects.toThrow("input bytes");
      await program.dispose();
    },
  );

  it("needs a value for each byte of each channel", () => {
    expect(() => byteInput("x", [4, 3], new Float32Array(256))).toThrow(
      "input: 3 channels of bytes need 256 values each, 768 in all, got 256",
    );
  });
});
