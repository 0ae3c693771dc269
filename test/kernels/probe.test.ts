import { expect, test } from "vitest";
import { probeTraining } from "../../kernels/probe.ts";
import { createWasmBackend } from "../../kernels/wasm/node/index.ts";

test("a short training is measured once in a process", async () => {
  const wasm = await createWasmBackend({ threads: 1 });
  const start = performance.now();
  const milliseconds = await probeTraining(wasm);
  expect(milliseconds).toBeGreaterThan(0.1);
  expect(milliseconds).toBeLessThan(performance.now() - start);
  expect(await probeTraining(wasm)).toBe(milliseconds);
  await wasm.dispose();
});
