import { describe, expect, it } from "vitest";
import { evaluate } from "../../engine/evaluate.ts";
import { buildGraph } from "../../engine/graph.ts";
import { dropout } from "../../engine/ops/dropout.ts";
import { add, scale } from "../../engine/ops/elementwise.ts";
import { dropoutKeeps, stepSeed } from "../../engine/random.ts";
import { constant, input, readSlot } from "../../engine/record.ts";
import { filledSlot } from "../../engine/slot.ts";
import { createReferenceBackend } from "../../kernels/reference/index.ts";

const backend = createReferenceBackend();

describe("program of the reference back end", () => {
  it("updates slots after the run, so that two slots can be swapped", async () => {
    const a = filledSlot("a", [2], "buffer", 1);
    const b = filledSlot("b", [2], "buffer", 2);
    const program = await backend.compile(
      buildGraph({ before: readSlot(a), sum: add(readSlot(a), scale(readSlot(b), 10)) }, [
        { slot: a, value: readSlot(b) },
        { slot: b, value: readSlot(a) },
      ]),
    );
    await program.run();
    expect([...(await program.readSlot("a"))]).toEqual([2, 2]);
    expect([...(await program.readSlot("b"))]).toEqual([1, 1]);
    expect([...(await program.read("before"))]).toEqual([1, 1]);
    expect([...(await program.read("sum"))]).toEqual([21, 21]);
    await program.writeSlot("a", Float32Array.of(5, 6));
    await program.run();
    expect([...(await program.read("before"))]).toEqual([5, 6]);
    expect([...(await program.readSlot("b"))]).toEqual([5, 6]);
    expect(program.slotNames).toEqual(["a", "b"]);
  });

  it("keeps the last value of an input and gives copies", async () => {
    const program = await backend.compile(buildGraph({ y: add(input("p", [1]), input("q", [1])) }));
    await program.run({ p: Float32Array.of(1), q: Float32Array.of(2) });
    const first = await program.read("y");
    await program.run({ p: Float32Array.of(5) });
    expect(first[0]).toBe(3);
    expect((await program.read("y"))[0]).toBe(7);
  });

  it("reuses arrays whose values are done with, and reports the arena", async () => {
    let x = input("x", [4]);
    const y = scale(x, 2);
    x = y;
    for (let i = 0; i < 6; i++) x = scale(x, 2);
    const program = await backend.compile(buildGraph({ y, last: x }));
    await program.run({ x: Float32Array.of(1, 2, 3, 4) });
    expect([...(await program.read("y"))]).toEqual([2, 4, 6, 8]);
    expect([...(await program.read("last"))]).toEqual([128, 256, 384, 512]);
    expect(program.statistics).toEqual({ steps: 7, arenaBytes: 48, arenaLowerBoundBytes: 48, stateBytes: 16 });
  });

  it("names what is unknown, missing or of another length", async () => {
    const slot = filledSlot("w", [3], "parameter");
    const program = await backend.compile(buildGraph({ y: add(input("x", [3]), readSlot(slot)) }));
    await expect(program.run()).rejects.toThrow("reference: input x was never given a value");
    await expect(program.run({ x: new Float32Array(2) })).rejects.toThrow("reference: input x needs 3 values, got 2");
    await expect(program.run({ z: new Float32Array(2) })).rejects.toThrow("reference: no input is named z; there is x");
    await expect(program.read("z")).rejects.toThrow("reference: no output is named z; there is y");
    await expect(program.readSlot("z")).rejects.toThrow("reference: no slot is named z; there is w");
    await expect(program.writeSlot("w", new Float32Array(1))).rejects.toThrow("slot w needs 3 values, got 1");
    await program.dispose();
    await expect(program.run()).rejects.toThrow("disposed");
  });

  it("carries float64 values through unrounded", async () => {
    const exact = await createReferenceBackend({ precision: "float64" }).compile(
      buildGraph({ y: scale(input("x", [1]), 3) }),
    );
    await exact.run({ x: Float64Array.of(1 / 3) });
    expect((await exact.readExact("y"))[0]).toBe(1);
    await exact.run({ x: Float64Array.of(0.1) });
    expect((await exact.readExact("y"))[0]).toBe(0.1 * 3);
  });

  it("drops exactly the elements that dropoutKeeps names", async () => {
    const seed = stepSeed(7, 3);
    const y = await evaluate(dropout(constant(new Array(1000).fill(1)), constant(seed), 0.25, 2), backend);
    const expected = Array.from(y, (_, i) =>
      dropoutKeeps(seed[0]!, seed[1]!, 2, i, 0.25) ? Math.fround(1 / 0.75) : 0,
    );
    expect([...y]).toEqual(expected);
    expect(expected.filter((value) => value > 0).length).toBeGreaterThan(700);
  });
});
