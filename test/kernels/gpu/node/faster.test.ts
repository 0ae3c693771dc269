import { expect, it } from "vitest";
import type { Backend } from "../../../../engine/backend.ts";
import { createGpuBackend, type GpuBackend } from "../../../../kernels/gpu/index.ts";
import { fasterForTraining } from "../../../../kernels/gpu/node/index.ts";
import { loadGpuJs } from "../../../../kernels/gpu/node/load-gpu-js.ts";
import { createWasmBackend } from "../../../../kernels/wasm/node/index.ts";

const gpuJs = await loadGpuJs();

/** A back end whose steps take so many times as long. */
function slowed(backend: Backend, times: number, variant: string): Backend {
  return {
    ...backend,
    variant,
    dispose: () => backend.dispose(),
    compile: async (graph) => {
      const program = await backend.compile(graph);
      return {
        statistics: program.statistics,
        slotNames: program.slotNames,
        run: async (inputs) => {
          for (let time = 0; time < times; time++) await program.run(inputs);
        },
        read: (output) => program.read(output),
        readSlot: (name) => program.readSlot(name),
        writeSlot: (name, values) => program.writeSlot(name, values),
        dispose: () => program.dispose(),
      };
    },
  };
}

/** WebAssembly in the place of an adapter that no machine of tests has: one in hardware. */
function inHardware(backend: Backend): GpuBackend {
  const adapter = { name: "Hardware", software: false };
  const compile = ((graph) => backend.compile(graph)) as GpuBackend["compile"];
  const dispose = (): Promise<void> => backend.dispose();
  return { ...backend, name: "gpu", mode: "webgpu", adapter, profile: { id: "gpu-webgpu" }, compile, dispose };
}

const wasm = (): Promise<Backend> => createWasmBackend({ threads: 1 });

it("takes a GPU where a short training is faster on it, and only there", async () => {
  const [slow, fast] = [slowed(await wasm(), 3, "slow"), inHardware(slowed(await wasm(), 1, "webgpu, fast"))];
  const { chosen, candidates } = await fasterForTraining(slow, () => Promise.resolve(fast));
  expect(chosen).toBe(fast);
  expect(candidates).toEqual([
    { backend: "wasm", variant: "slow", milliseconds: expect.any(Number) as number, note: null },
    { backend: "gpu", variant: "webgpu, fast", milliseconds: expect.any(Number) as number, note: null },
  ]);
  expect(candidates[0]!.milliseconds).toBeGreaterThan(candidates[1]!.milliseconds!);
  await fast.dispose();

  const [own, slower] = [await wasm(), inHardware(slowed(await wasm(), 3, "webgpu, slow"))];
  expect((await fasterForTraining(own, () => Promise.resolve(slower))).chosen).toBe(own);
  await own.dispose();
});

it("leaves an adapter in software out, unmeasured", async () => {
  const own = await wasm();
  const { chosen, candidates } = await fasterForTraining(own, () => createGpuBackend(gpuJs, { mode: "cpu" }));
  expect(chosen).toBe(own);
  expect(candidates[1]).toEqual({
    backend: "gpu",
    variant: "cpu, this processor (software)",
    milliseconds: null,
    note: "it computes on this processor, as wasm does",
  });
  await own.dispose();
});

it("goes on without a GPU that fails, and says why it does", async () => {
  const own = await wasm();
  const gone = inHardware(await createGpuBackend(gpuJs, { mode: "cpu" }));
  await gone.dispose();
  const failing = await fasterForTraining(own, () => Promise.resolve(gone));
  expect(failing.chosen).toBe(own);
  expect(failing.candidates[1]).toMatchObject({ milliseconds: null, note: "gpu: the back end was disposed of" });

  const none = await fasterForTraining(own, () => createGpuBackend(gpuJs, { mode: "webgl2" }));
  expect(none.chosen).toBe(own);
  expect(none.candidates[1]).toMatchObject({ variant: null, note: expect.stringContaining("webgl2") as string });
  await own.dispose();
});
