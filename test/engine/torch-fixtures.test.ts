import { describe, expect, it } from "vitest";
import { builtInArchitectures } from "../../engine/architecture.ts";
import type { Backend } from "../../engine/backend.ts";
import { Model } from "../../engine/model.ts";
import { adamW } from "../../engine/train/optimizers.ts";
import { trainingStep } from "../../engine/train/training-step.ts";
import { createReferenceBackend } from "../../kernels/reference/index.ts";
import { createWasmBackend } from "../../kernels/wasm/node/index.ts";
import { readTorchFixture } from "../fixtures/torch-fixture.ts";

const backends: Readonly<Record<string, () => Promise<Backend>>> = {
  "reference float32": () => Promise.resolve(createReferenceBackend()),
  "reference float64": () => Promise.resolve(createReferenceBackend({ precision: "float64" })),
  "wasm, one thread": () => createWasmBackend({ threads: 1 }),
  "wasm, two threads": () => createWasmBackend({ threads: 2 }),
  "wasm, plain": () => createWasmBackend({ threads: 2, variant: "plain" }),
};

/** ‖actual − expected‖ / ‖expected‖ */
function relativeDistance(actual: Float32Array, expected: Float32Array): number {
  expect(actual.length).toBe(expected.length);
  let difference = 0;
  let size = 0;
  expected.forEach((value, i) => {
    difference += (actual[i]! - value) ** 2;
    size += value * value;
  });
  return Math.sqrt(difference / size);
}

describe.each(Object.entries(backends))("training steps on %s", (_, createBackend) => {
  it.each(["resnet8", "ref-hybrid"])("%s: as PyTorch computes them", { timeout: 60_000 }, async (name) => {
    const fixture = readTorchFixture(name);
    const expected = (key: string): Float32Array => fixture.tensors.get(key)!;
    const model = Model.fromArchitecture(builtInArchitectures[name]!);
    const backend = await createBackend();
    const program = await backend.compile(
      trainingStep(model, {
        batchSize: fixture.labels.length,
        optimizer: adamW({ weightDecay: fixture.weightDecay }),
        keepGradients: true,
      }),
    );
    const names = model.parameters.map((slot) => slot.name);
    expect(new Set(names.map((name) => `parameter:${name}`))).toEqual(
      new Set([...fixture.tensors.keys()].filter((key) => key.startsWith("parameter:"))),
    );
    for (const name of names) await program.writeSlot(name, expected(`parameter:${name}`));

    const inputs = {
      images: expected("images"),
      labels: Float32Array.from(fixture.labels),
      learningRate: Float32Array.of(fixture.learningRate),
    };
    const tooFar: string[] = [];
    const check = (what: string, distance: number, bound: number): void => {
      if (!(distance <= bound)) tooFar.push(`${what}: ${distance.toExponential(1)} > ${bound}`);
    };
    for (const [index, loss] of fixture.losses.entries()) {
      await program.run({ ...inputs, step: Float32Array.of(index + 1) });
      check(`loss of step ${index + 1}`, Math.abs((await program.read("loss"))[0]! / loss - 1), 1e-4);
      if (index === 0)
        for (const name of names)
          check(
            `gradient of ${name}`,
            relativeDistance(await program.read(`gradient:${name}`), expected(`gradient:${name}`)),
            1e-3,
          );
    }
    for (const name of names) {
      const before = expected(`parameter:${name}`);
      const change = (await program.readSlot(name)).map((value, i) => value - before[i]!);
      check(`change of ${name}`, relativeDistance(change, expected(`change:${name}`)), 5e-3);
    }
    for (const [key, values] of fixture.tensors)
      if (key.startsWith("buffer:"))
        check(key, relativeDistance(await program.readSlot(key.slice("buffer:".length)), values), 1e-3);
    expect(tooFar).toEqual([]);
    await program.dispose();
    await backend.dispose();
  });
});
