import fc from "fast-check";
import { readFile } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Program } from "../../../engine/backend.ts";
import { buildGraph, type Assign, type Graph } from "../../../engine/graph.ts";
import { matmul } from "../../../engine/ops/matmul.ts";
import { batchNorm } from "../../../engine/ops/normalize.ts";
import { randomNormal } from "../../../engine/random.ts";
import { constant, input, readSlot, record, recordOne } from "../../../engine/record.ts";
import { elementCount, type Shape } from "../../../engine/shape.ts";
import { filledSlot, type Slot } from "../../../engine/slot.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { Heap } from "../../../kernels/wasm/heap.ts";
import { createWasmBackend } from "../../../kernels/wasm/node/index.ts";
import { workerPool } from "../../../kernels/wasm/node/pool.ts";

const channels = 12;

function values(shape: Shape, stream: number): Float32Array {
  return Float32Array.from({ length: elementCount(shape) }, (_, index) => randomNormal(stream, index));
}

type Values = Readonly<Record<string, Float32Array>>;

interface Drawn {
  readonly rows: number;
  /** One op after the other; `from` chooses its operands among what is there. */
  readonly ops: readonly { readonly kind: number; readonly from: readonly [number, number] }[];
  /** Which slots the program updates. */
  readonly updated: readonly boolean[];
}

const drawn: fc.Arbitrary<Drawn> = fc.record({
  rows: fc.constantFrom(1, 5, 70, 2000),
  ops: fc.array(fc.record({ kind: fc.nat(), from: fc.tuple(fc.nat(), fc.nat()) }), { minLength: 3, maxLength: 25 }),
  updated: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
});

const vectorSlots = ["mean", "variance", "gamma"].map((name) => filledSlot(name, [channels], "buffer", 1));
const matrixSlots = ["w", "u"].map((name) => filledSlot(name, [channels, channels], "parameter", 0.1));
const slots: readonly Slot[] = [...vectorSlots, ...matrixSlots];

/** Chains of ops over an input, slots, and what is computed from slots alone; some slots are updated. */
function randomGraph({ rows, ops, updated }: Drawn): Graph {
  const full: Tensor[] = [input("x", [rows, channels])];
  const vectors: Tensor[] = vectorSlots.map(readSlot);
  const matrices: Tensor[] = matrixSlots.map(readSlot);
  const pick = (list: readonly Tensor[], index: number): Tensor => list[index % list.length]!;
  const zero = constant(new Float32Array(channels));
  const half = constant(new Float32Array(channels).fill(0.5));
  const assigns: Assign[] = [];
  /** The new value of a slot, which ops that come later may read. */
  const update = (index: number, vector: Tensor, matrix: Tensor): void => {
    const slot = slots[index]!;
    if (!updated[index] || assigns.some((assign) => assign.slot === slot)) return;
    // A variance must stay positive.
    const target = slot.name === "variance" ? vector.multiply(vector).bias(half) : vector;
    const source = slot.shape.length === 2 ? matrix : target;
    const value = recordOne("movingAverage", [readSlot(slot), source], { momentum: 0.1, factor: 1 });
    assigns.push({ slot, value });
    (slot.shape.length === 2 ? matrices : vectors).push(value);
  };
  for (const { kind, from } of ops) {
    const x = pick(full, from[0]);
    const vector = pick(vectors, from[1]);
    const matrix = pick(matrices, from[1]);
    switch (kind % 10) {
      case 0:
        full.push(x.relu());
        break;
      case 1:
        full.push(x.add(pick(full, from[1])));
        break;
      case 2:
        full.push(x.matmul(matrix, { transposeB: from[0] % 2 === 0 }).scale(0.3));
        break;
      case 3:
        full.push(x.bias(vector));
        break;
      case 4:
        full.push(batchNorm(x, vector, vectors[1]!, { gamma: pick(vectors, from[0]), beta: zero }));
        break;
      case 5:
        matrices.push(batchNorm(matrix, zero, vectors[1]!, { gamma: vector, beta: zero }));
        break;
      case 6:
        vectors.push(vector.scale(0.5).add(pick(vectors, from[0])));
        break;
      case 7:
        matrices.push(pick(matrices, from[0]).matmul(matrix, { transposeA: from[1] % 2 === 0 }));
        break;
      case 8:
        update(from[0] % slots.length, vector, matrix);
        break;
      default:
        vectors.push(recordOne("sumRows", [x.scale(1 / rows)], {}));
    }
  }
  slots.forEach((_, index) => update(index, vectors.at(-1)!, matrices.at(-1)!));
  return buildGraph({ y: full.at(-1)!, vector: vectors.at(-1)!, matrix: matrices.at(-1)! }, assigns);
}

/** Runs, writes a slot, and runs again: everything that can be read afterwards. */
async function results(
  program: Program,
  inputs: Readonly<Record<string, Float32Array>>,
): Promise<Record<string, Float32Array>> {
  const read: Record<string, Float32Array> = {};
  for (const round of [0, 1, 2]) {
    if (round > 0)
      for (const name of program.slotNames)
        if (name === "w" || name === "gamma")
          await program.writeSlot(
            name,
            values([(await program.readSlot(name)).length], 40 + round).map((v) => 0.2 * v),
          );
    await program.run(round === 0 ? inputs : {});
    for (const output of ["y", "vector", "matrix"]) read[`${output} ${round}`] = await program.read(output);
    for (const slot of program.slotNames) read[`${slot} ${round}`] = await program.readSlot(slot);
  }
  return read;
}

/** Differences may cancel, so that errors are measured against the largest value. */
function near(expected: Values): (actual: Values) => boolean {
  const largest = Math.max(...Object.values(expected).flatMap((cells) => Array.from(cells, Math.abs)));
  return (actual) =>
    Object.entries(expected).every(([name, cells]) =>
      cells.every((cell, index) => Math.abs(actual[name]![index]! - cell) <= 1e-5 * largest),
    );
}

describe("random programs", async () => {
  const reference = createReferenceBackend();
  const inline = await createWasmBackend({ variant: "plain", inline: true });
  const pools = await Promise.all([1, 2, 3, 5, 8].map((threads) => createWasmBackend({ variant: "plain", threads })));
  afterAll(() => Promise.all(pools.map((pool) => pool.dispose())));

  it("give the reference's values, again after slots were written, and the same bits for 1 to 8 threads", async () => {
    await fc.assert(
      fc.asyncProperty(drawn, async (network) => {
        const graph = randomGraph(network);
        const x = values([network.rows, channels], 7);
        const inputs: Record<string, Float32Array> = graph.inputs.length > 0 ? { x } : {};
        const answers = async (program: Program): Promise<Record<string, Float32Array>> => {
          const got = await results(program, inputs);
          await program.dispose();
          return got;
        };
        const expected = await answers(await reference.compile(graph));
        const one = await answers(await inline.compile(graph));
        expect(one).toSatisfy(near(expected));
        for (const pool of pools)
          expect(await answers(await pool.compile(graph)), `${pool.threads} threads`).toEqual(one);
      }),
      { numRuns: 150, seed: 5 },
    );
  }, 120_000);
});

describe("the set-up", () => {
  it("runs once, and again after a slot was written", async () => {
    const backend = await createWasmBackend({ threads: 2 });
    const [w, variance] = [filledSlot("w", [3, 40], "parameter", 1), filledSlot("variance", [40], "buffer", 1)];
    const zero = constant(new Float32Array(40));
    const folded = batchNorm(readSlot(w), zero, readSlot(variance), undefined, 0);
    const y = input("x", [2, 3]).matmul(folded);
    const program = await backend.compile(buildGraph({ y }));
    expect(program.plan.setUp.length).toBeGreaterThan(0);
    expect(program.plan.steps.some(({ ops }) => ops.some(({ op }) => op === "batchNorm"))).toBe(false);
    const first = async (): Promise<number> => {
      await program.run({ x: Float32Array.of(1, 1, 1, 2, 2, 2) });
      return (await program.read("y"))[0]!;
    };
    expect(await first()).toBeCloseTo(3);
    await program.writeSlot("variance", new Float32Array(40).fill(4));
    expect(await first()).toBeCloseTo(1.5);
    expect(await first()).toBeCloseTo(1.5);
    await program.writeSlot("w", new Float32Array(120).fill(10));
    expect((await program.trace()).length).toBeGreaterThan(0);
    expect((await program.read("y"))[0]!).toBeCloseTo(15);
    await backend.dispose();
  });

  it("leaves out what the program updates itself", async () => {
    const backend = await createWasmBackend({ threads: 2 });
    const w = filledSlot("w", [4], "parameter", 1);
    const program = await backend.compile(
      buildGraph({ y: readSlot(w).scale(3) }, [{ slot: w, value: readSlot(w).scale(2) }]),
    );
    expect(program.plan.setUp).toEqual([]);
    for (const expected of [3, 6, 12]) {
      await program.run();
      expect((await program.read("y"))[0]).toBe(expected);
    }
    await backend.dispose();
  });
});

describe("small steps", () => {
  it("of independent updates are dealt to the threads, with one barrier before them at most", async () => {
    const backend = await createWasmBackend({ threads: 2 });
    const assigns = Array.from({ length: 40 }, (_, index) => {
      const parameters = ["p", "m", "v"].map((name) => filledSlot(`${name}${index}`, [300 + index], "parameter", 1));
      const [p, m, v] = parameters.map(readSlot) as [Tensor, Tensor, Tensor];
      const attributes = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 };
      const updates = record(
        "adamW",
        [p, p.scale(2), m, v, input(`rate${index}`, []), input(`step${index}`, [])],
        attributes,
      );
      return parameters.map((slot, output) => ({ slot, value: updates[output]! }));
    });
    const program = await backend.compile(buildGraph({}, assigns.flat()));
    expect(program.plan.dealt.map(({ kernel }) => kernel)).toEqual(["solo", "solo", "barrier", "solo", "solo"]);
    await backend.dispose();
  });
});

describe("threads", () => {
  let burners: Worker[] = [];
  beforeAll(() => {
    burners = Array.from({ length: 3 }, () => new Worker("for (;;);", { eval: true }));
  });
  afterAll(async () => {
    await Promise.all(burners.map((burner) => burner.terminate()));
  });

  it.each([2, 8])(
    "%i of them come through 100 runs on a machine that is busy",
    async (threads) => {
      const backend = await createWasmBackend({ threads });
      const size = 200;
      const diagonal = Float32Array.from({ length: size * size }, (_, index) => (index % (size + 1) === 0 ? 1.5 : 0));
      let x = input("x", [size, size]);
      for (let op = 0; op < 8; op++) x = matmul(x, constant(diagonal, [size, size]));
      const program = await backend.compile(buildGraph({ x }));
      expect(program.plan.small).toBe(false);
      await program.run({ x: new Float32Array(size * size).fill(1) });
      for (let run = 1; run < 100; run++) await program.run();
      expect(await program.read("x")).toEqual(new Float32Array(size * size).fill(1.5 ** 8));
      await backend.dispose();
    },
    60_000,
  );

  it("that end make runs fail instead of waiting for ever", async () => {
    const workers: Worker[] = [];
    const notice = (worker: Worker): void => void workers.push(worker);
    process.on("worker", notice);
    const heap = new Heap();
    const pool = await workerPool(await plainModule(), heap, 3);
    process.off("worker", notice);
    const running = pool.execute(longProgram(heap));
    await workers[1]!.terminate();
    await expect(running).rejects.toThrow("wasm: a worker ended");
    await expect(pool.execute(longProgram(heap))).rejects.toThrow("wasm: a worker ended");
    await pool.dispose();
  });

  it("can be ended while a program runs", async () => {
    const heap = new Heap();
    const pool = await workerPool(await plainModule(), heap, 2);
    const running = expect(pool.execute(longProgram(heap))).rejects.toThrow("disposed while a program ran");
    await pool.dispose();
    await running;
    await expect(pool.execute(65536)).rejects.toThrow("wasm: the back end was disposed");
  });
});

/** Barriers for seconds. */
function longProgram(heap: Heap): number {
  const count = 10_000_000;
  const program = heap.allocate(256 + 8 * count);
  heap.words(program, 64 + 2 * count).fill(0);
  heap.words(program, 1)[0] = count;
  return program;
}

async function plainModule(): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await readFile(new URL("../../../kernels/wasm/kernels-plain.wasm", import.meta.url)));
}
