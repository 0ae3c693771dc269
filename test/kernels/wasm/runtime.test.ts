import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { afterAll, describe, expect, it } from "vitest";
import { buildGraph } from "../../../engine/graph.ts";
import { randomNormal } from "../../../engine/random.ts";
import { constant, input, readSlot, record, recordOne } from "../../../engine/record.ts";
import { filledSlot } from "../../../engine/slot.ts";
import { Heap } from "../../../kernels/wasm/heap.ts";
import { createWasmBackend } from "../../../kernels/wasm/node/index.ts";
import { tryVariant } from "../../../kernels/wasm/tune.ts";
import { workerPool } from "../../../kernels/wasm/node/pool.ts";

const backend = await createWasmBackend({ threads: 2 });
const values = (count: number, stream: number): Float32Array =>
  Float32Array.from({ length: count }, (_, index) => randomNormal(stream, index));
afterAll(() => backend.dispose());

describe("a program", () => {
  it("runs a chain of ops and keeps inputs that are left out", async () => {
    const a = input("a", [2, 3]);
    const b = constant([1, 0, 0, 1, 1, 1], [3, 2]);
    const y = a
      .matmul(b)
      .bias(constant([0, 10]))
      .relu();
    const program = await backend.compile(buildGraph({ y: y.add(y.scale(2)), a }));
    await program.run({ a: Float32Array.of(1, -2, 3, 4, 5, -6) });
    await program.run();
    expect(Array.from(await program.read("y"))).toEqual([12, 33, 0, 27]);
    expect(Array.from(await program.read("a"))).toEqual([1, -2, 3, 4, 5, -6]);
    await program.dispose();
  });

  it("shares the memory with others and gives it back", async () => {
    const graph = (factor: number) => buildGraph({ y: input("x", [4000]).scale(factor).relu() });
    const x = new Float32Array(4000).fill(1);
    const [twice, thrice] = await Promise.all([backend.compile(graph(2)), backend.compile(graph(3))]);
    await Promise.all([twice.run({ x }), thrice.run({ x })]);
    expect((await twice.read("y"))[3999]).toBe(2);
    expect((await thrice.read("y"))[3999]).toBe(3);
    await twice.dispose();
    await thrice.dispose();
    const bytes = backend.memoryBytes;
    for (let i = 0; i < 50; i++) {
      const program = await backend.compile(graph(i));
      await program.run({ x });
      await program.dispose();
      await program.dispose();
    }
    expect(backend.memoryBytes).toBe(bytes);
    await expect(twice.run()).rejects.toThrow("wasm: the program was disposed");
  });

  it("updates slots in place when all reads come earlier, without copies", async () => {
    const slots = ["p", "m", "v"].map((name) => filledSlot(name, [1000], "parameter", 1));
    const [p, m, v] = slots.map(readSlot) as [ReturnType<typeof readSlot>, ReturnType<typeof readSlot>, never];
    const attributes = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };
    const values = record("adamW", [p, p.scale(2), m, v, input("rate", []), input("step", [])], attributes);
    const program = await backend.compile(
      buildGraph(
        {},
        slots.map((slot, index) => ({ slot, value: values[index]! })),
      ),
    );
    expect(program.plan.steps.map(({ kernel }) => kernel)).toEqual(["pass", "barrier", "adamW"]);
    await program.run({ rate: Float32Array.of(0.1), step: Float32Array.of(1) });
    expect((await program.readSlot("m"))[999]).toBeCloseTo(0.9 + 0.1 * 2, 6);
    await program.dispose();
  });

  it("gives the same bits however the threads share a large step", async () => {
    const graph = buildGraph({
      y: input("x", [8, 16, 16, 24])
        .conv2d(constant(values(9 * 24 * 40, 1), [3, 3, 24, 40]), { stride: [2, 2], padding: [1, 1, 1, 1] })
        .softmax(),
    });
    const runs = 12;
    const results = [];
    for (const threads of [1, 2, 3, 5]) {
      const pool = await createWasmBackend({ threads });
      const program = await pool.compile(graph);
      expect(program.plan.dealt.some(({ dynamic }) => dynamic)).toBe(threads > 1);
      const read = [];
      for (let run = 0; run < runs; run++) {
        await program.run({ x: values(8 * 256 * 24, 2 + run) });
        read.push(await program.read("y"));
      }
      results.push(read);
      await pool.dispose();
    }
    for (const read of results) expect(read).toEqual(results[0]);
  });

  it("gives all reads of a step the values from before it", async () => {
    const [a, b] = [filledSlot("a", [3], "buffer", 1), filledSlot("b", [3], "buffer", 2)];
    const average = recordOne("movingAverage", [readSlot(a), readSlot(b)], { momentum: 0.5, factor: 1 });
    const swapped = await backend.compile(
      buildGraph({ before: readSlot(a), average }, [
        { slot: a, value: readSlot(b) },
        { slot: b, value: readSlot(a).reshape([3]) },
      ]),
    );
    await swapped.run();
    expect(Array.from(await swapped.readSlot("a"))).toEqual([2, 2, 2]);
    expect(Array.from(await swapped.readSlot("b"))).toEqual([1, 1, 1]);
    expect(Array.from(await swapped.read("average"))).toEqual([1.5, 1.5, 1.5]);
    await swapped.dispose();

    const late = await backend.compile(
      buildGraph({ sum: readSlot(a).scale(10), old: average.add(readSlot(a)) }, [{ slot: a, value: average }]),
    );
    await late.run();
    expect(Array.from(await late.read("old"))).toEqual([2.5, 2.5, 2.5]);
    expect(Array.from(await late.readSlot("a"))).toEqual([1.5, 1.5, 1.5]);
    await late.dispose();
  });

  it("runs 500 steps without growing", async () => {
    const weight = filledSlot("w", [64, 64], "parameter", 0.01);
    const x = input("x", [32, 64]);
    const y = x.matmul(readSlot(weight)).relu();
    const value = recordOne("movingAverage", [readSlot(weight), x.matmul(y, { transposeA: true })], {
      momentum: 0.01,
      factor: 0.001,
    });
    const program = await backend.compile(buildGraph({ y }, [{ slot: weight, value }]));
    const values = new Float32Array(32 * 64).fill(0.1);
    await program.run({ x: values });
    const bytes = backend.memoryBytes;
    for (let step = 0; step < 500; step++) await program.run({ x: values });
    expect(backend.memoryBytes).toBe(bytes);
    expect((await program.read("y")).every(Number.isFinite)).toBe(true);
    await program.dispose();
  });

  it("says what is wrong", async () => {
    const slot = filledSlot("s", [2], "buffer");
    const program = await backend.compile(buildGraph({ y: input("x", [2]).add(readSlot(slot)) }));
    await expect(program.run({ z: new Float32Array(2) })).rejects.toThrow("wasm: the program has no input z; it has x");
    await expect(program.run({ x: new Float32Array(3) })).rejects.toThrow("wasm: input x takes 2 values, got 3");
    await expect(program.read("z")).rejects.toThrow("wasm: the program has no output z; it has y");
    await expect(program.readSlot("t")).rejects.toThrow("wasm: the program has no slot t");
    await expect(program.writeSlot("s", new Float32Array(1))).rejects.toThrow("wasm: slot s takes 2 values, got 1");
    await program.dispose();
  });

  it("is refused when it cannot fit into 4 GiB", async () => {
    const x = input("x", [40_000, 30_000]);
    await expect(backend.compile(buildGraph({ y: x.relu() }))).rejects.toThrow(/^wasm: the program needs 8\.94 GiB/);
  });
});

it("a kernel that fails ends the pool with an error, not with a program that hangs", async () => {
  const heap = new Heap();
  const module = await WebAssembly.compile(
    await readFile(new URL("../../../kernels/wasm/kernels-plain.wasm", import.meta.url)),
  );
  const pool = await workerPool(module, heap, 2);
  const program = heap.allocate(1024);
  heap.words(program, 256).fill(0);
  heap.words(program, 1)[0] = 1; // one step, of a kernel that does not exist
  heap.words(program + 256, 1)[0] = 9999;
  await expect(pool.execute(program)).rejects.toThrow(/^wasm: a worker failed: RuntimeError: unreachable/);
  await expect(pool.execute(program)).rejects.toThrow("wasm: a worker failed");
  await pool.dispose();
});

it("start-up times a product at each run, not one that the set-up has computed", async () => {
  const module = await WebAssembly.compile(
    await readFile(new URL("../../../kernels/wasm/kernels-plain.wasm", import.meta.url)),
  );
  // 1.8 million operations cannot take less than 4 µs on one core.
  expect(await tryVariant("plain", module)).toBeGreaterThan(0.004);
});

describe("createWasmBackend", () => {
  it("names the variant, the threads and the numerics profile", async () => {
    const plain = await createWasmBackend({ variant: "plain", threads: 3 });
    expect([plain.name, plain.variant, plain.threads, plain.profile.id]).toEqual(["wasm", "simd128", 3, "wasm-c24-w4"]);
    await plain.dispose();
    await expect(plain.compile(buildGraph({ y: constant([1]) }))).rejects.toThrow("wasm: the back end was disposed");
    const wide = await createWasmBackend({ variant: "wide", inline: true });
    expect([wide.variant, wide.threads, wide.profile.id]).toEqual(["simd128-fma-wide", 1, "wasm-fma-c24-w4"]);
    await wide.dispose();
  });

  it("refuses what it cannot give", async () => {
    await expect(createWasmBackend({ threads: 0 })).rejects.toThrow("wasm: threads must be an integer from 1 to 64");
    await expect(createWasmBackend({ inline: true, threads: 2 })).rejects.toThrow("wasm: inline runs on one thread");
  });

  it("obeys FINCH_WASM=plain, and a process ends with its pool idle", () => {
    const script = `
      import { createWasmBackend } from "./kernels/wasm/node/index.ts";
      const backend = await createWasmBackend({ threads: 2 });
      const refused = await createWasmBackend({ variant: "wide" }).catch((error) => error.name + ": " + error.message);
      process.stdout.write(backend.variant + "; " + refused);`;
    const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
      env: { ...process.env, FINCH_WASM: "plain" },
      encoding: "utf8",
      timeout: 20_000,
    });
    expect(output).toBe("simd128; BackendError: wasm: variant wide is switched off by FINCH_WASM=plain");
  });
});
