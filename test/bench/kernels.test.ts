import { expect, test } from "vitest";
import { benchKernels } from "../../bench/kernels.ts";
import { benchInference, benchTraining } from "../../bench/networks.ts";
import { exitCodeOf } from "../../cli/exit-codes.ts";
import { parseArchitecture } from "../../engine/architecture.ts";
import type { Backend } from "../../engine/backend.ts";
import { createWasmBackend } from "../../kernels/wasm/node/index.ts";

/** A back end that gives every value twice as large, and is very fast at that. */
function wrong(backend: Backend): Backend {
  return {
    ...{ name: backend.name, variant: backend.variant, threads: backend.threads, profile: backend.profile },
    compile: async (graph) => {
      const program = await backend.compile(graph);
      return {
        ...{ statistics: program.statistics, slotNames: program.slotNames },
        run: (inputs) => program.run(inputs),
        read: async (name) => (await program.read(name)).map((value) => 2 * value),
        readSlot: (name) => program.readSlot(name),
        writeSlot: (name, values) => program.writeSlot(name, values),
        dispose: () => program.dispose(),
      };
    },
    dispose: () => backend.dispose(),
  };
}

const backend = await createWasmBackend({ threads: 1, inline: true });
const quick = { batch: 8, peak: null, seconds: 0.01, warmUps: 1 };

test.each(["softmax", "attention 64", "mix pool", "batch norm 24", "AdamW", "depthwise 5×5 80", "gemm 256"])(
  "%s agrees with the reference in all passes",
  async (filter) => {
    const rows = await benchKernels({ ...quick, backend, filter });
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) {
      expect(row.error).toBeLessThan(1e-4);
      expect(Math.abs(row.checksum - row.referenceChecksum)).toBeLessThan(1);
    }
  },
);

test("a fast wrong kernel fails the run", async () => {
  const failure = await benchKernels({ ...quick, backend: wrong(backend), filter: "hard-swish" }).catch(
    (error: unknown) => error,
  );
  expect(String(failure)).toMatch(/hard-swish 24 at 32², forward, on wasm \(simd128.*is wrong.*checksum/);
  expect(exitCodeOf(failure)).toBe(1);
});

test.each([
  ["train", benchTraining],
  ["infer", benchInference],
])("a wrong network fails bench %s", async (suite, bench) => {
  const blocks = [
    { type: "convBnRelu", channels: 8, kernel: 3, stride: 4 },
    { type: "globalAveragePool" },
    { type: "linear" },
  ];
  const architecture = parseArchitecture({ name: "small", blocks });
  await expect(bench(architecture, { ...quick, backend: wrong(backend) })).rejects.toThrow(`bench: ${suite} small`);
  expect((await bench(architecture, { ...quick, backend })).error).toBeLessThan(1e-2);
});

test("dropout is compared in a program of its own", async () => {
  const blocks = [
    { type: "convBnRelu", channels: 8, kernel: 3, stride: 4 },
    { type: "globalAveragePool" },
    { type: "dropout", rate: 0.5 },
    { type: "linear" },
  ];
  const row = await benchTraining(parseArchitecture({ name: "dropping", blocks }), { ...quick, backend });
  expect(row.error).toBeLessThan(1e-2);
});
