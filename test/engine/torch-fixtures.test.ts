import { describe, expect, it } from "vitest";
import type { Backend } from "../../engine/backend.ts";
import { createReferenceBackend } from "../../kernels/reference/index.ts";
import { createWasmBackend } from "../../kernels/wasm/node/index.ts";
import { trainAsTorch } from "../fixtures/as-torch.ts";
import { readTorchFixture } from "../fixtures/torch-fixture.ts";

const backends: Readonly<Record<string, () => Promise<Backend>>> = {
  "reference float32": () => Promise.resolve(createReferenceBackend()),
  "reference float64": () => Promise.resolve(createReferenceBackend({ precision: "float64" })),
  "wasm, one thread": () => createWasmBackend({ threads: 1 }),
  "wasm, two threads": () => createWasmBackend({ threads: 2 }),
  "wasm, plain": () => createWasmBackend({ threads: 2, variant: "plain" }),
};

describe.each(Object.entries(backends))("training steps on %s", (_, createBackend) => {
  it.each(["resnet8", "ref-hybrid"])("%s: as PyTorch computes them", { timeout: 60_000 }, async (name) => {
    const backend = await createBackend();
    expect(await trainAsTorch(backend, name, readTorchFixture(name))).toEqual([]);
    await backend.dispose();
  });
});
