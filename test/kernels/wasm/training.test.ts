import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { refHybrid } from "../../../engine/architecture.ts";
import type { Backend } from "../../../engine/backend.ts";
import { Model } from "../../../engine/model.ts";
import { randomNormal } from "../../../engine/random.ts";
import { adamW } from "../../../engine/train/optimizers.ts";
import { trainingStep } from "../../../engine/train/training-step.ts";
import { WasmBackend } from "../../../kernels/wasm/backend.ts";
import { Heap } from "../../../kernels/wasm/heap.ts";
import { inlineRunner } from "../../../kernels/wasm/inline.ts";
import { createWasmBackend } from "../../../kernels/wasm/node/index.ts";

/** All slots of the reference hybrid after three steps. */
async function train(backend: Backend): Promise<Float32Array[]> {
  const model = Model.fromArchitecture(refHybrid);
  const program = await backend.compile(trainingStep(model, { batchSize: 5, optimizer: adamW(), clipNorm: 1 }));
  const images = Float32Array.from({ length: 5 * 3072 }, (_, index) => randomNormal(1, index));
  for (let step = 1; step <= 3; step++)
    await program.run({
      images,
      labels: Float32Array.of(1, 2, 3, 4, 5),
      learningRate: Float32Array.of(1e-3),
      step: Float32Array.of(step),
    });
  const values = await Promise.all(program.slotNames.map((name) => program.readSlot(name)));
  await program.dispose();
  await backend.dispose();
  return values;
}

it("gives the same bits on any number of threads, on tiles of either shape, and above 2 GiB", async () => {
  const expected = await train(await createWasmBackend({ variant: "wide", inline: true }));
  for (const threads of [1, 2, 3]) expect(await train(await createWasmBackend({ threads }))).toEqual(expected);
  expect(await train(await createWasmBackend({ variant: "narrow", inline: true }))).toEqual(expected);

  const heap = new Heap();
  heap.allocate(2.2 * 2 ** 30);
  const module = await WebAssembly.compile(
    await readFile(new URL("../../../kernels/wasm/kernels-fma.wasm", import.meta.url)),
  );
  expect(await train(new WasmBackend("wide", heap, inlineRunner(module, heap)))).toEqual(expected);
});
