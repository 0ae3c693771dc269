import { afterAll, describe, expect, it } from "vitest";
import { buildGraph } from "../../../engine/graph.ts";
import { gelu, hardSwish, sigmoid } from "../../../engine/ops/activation.ts";
import { constant, input, recordOne } from "../../../engine/record.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { createWasmBackend } from "../../../kernels/wasm/node/index.ts";

const variants = ["wide", "plain"] as const;
const backends = await Promise.all(variants.map((variant) => createWasmBackend({ variant, inline: true })));
afterAll(() => Promise.all(backends.map((backend) => backend.dispose())));

/** Dense where the functions bend, and all magnitudes up to 1e4. */
const x = Float32Array.from({ length: 80_000 }, (_, index) =>
  index < 60_000 ? (index - 30_000) / 3000 : (index % 2 === 0 ? 1 : -1) * 10 ** ((index - 70_000) / 2500),
);
const values = input("x", [x.length]);
const graph = buildGraph({
  gelu: gelu(values),
  geluGradient: recordOne("geluGradient", [values, constant(new Float32Array(x.length).fill(1), [x.length])], {}),
  sigmoid: sigmoid(values),
  hardSwish: hardSwish(values),
});
type Output = "gelu" | "geluGradient" | "sigmoid" | "hardSwish";
const feeds = { x };
const exact = await createReferenceBackend({ precision: "float64" }).compile(graph);
await exact.run(feeds);

/** Distance from the exact value in units in the last place of the exact value. */
function ulps(actual: number, value: number): number {
  const exponent = Math.max(-126, Math.floor(Math.log2(Math.abs(value))));
  return Math.abs(actual - value) / 2 ** (exponent - 23);
}

describe.each(backends.map((backend) => [backend.variant, backend] as const))("activations on %s", (_, backend) => {
  it("keep their stated errors", async () => {
    const program = await backend.compile(graph);
    await program.run(feeds);
    const largest = async (
      name: Output,
      error: (actual: number, value: number, x: number) => number,
    ): Promise<number> => {
      const [actual, values] = [await program.read(name), await exact.readExact(name)];
      return actual.reduce((worst, y, index) => Math.max(worst, error(y, values[index]!, x[index]!)), 0);
    };
    const ulpsWhere = (holds: (value: number, x: number) => boolean) => (y: number, value: number, x: number) =>
      holds(value, x) ? ulps(y, value) : 0;
    const errors = {
      gelu: await largest("gelu", (y, value, x) => Math.abs(y - value) / Math.max(Math.abs(x), 1e-30)),
      geluUlps: await largest(
        "gelu",
        ulpsWhere((_, x) => x > 0),
      ),
      geluGradient: await largest("geluGradient", (y, value) => Math.abs(y - value)),
      sigmoidUlps: await largest(
        "sigmoid",
        ulpsWhere((value) => value > 1e-37),
      ),
      hardSwishUlps: await largest(
        "hardSwish",
        ulpsWhere((_, x) => x > -2),
      ),
    };
    expect(errors.gelu).toBeLessThan(2.5e-7);
    expect(errors.geluUlps).toBeLessThan(3);
    expect(errors.geluGradient).toBeLessThan(3e-7);
    expect(errors.sigmoidUlps).toBeLessThan(4);
    expect(errors.hardSwishUlps).toBeLessThan(3);
    await program.dispose();
  });

  it("are exact far out and keep NaN", async () => {
    const far = input("x", [4]);
    const ones = constant([1, 1, 1, 1]);
    const outputs = { gelu: gelu(far), sigmoid: sigmoid(far), hardSwish: hardSwish(far) };
    const slopes = {
      geluGradient: recordOne("geluGradient", [far, ones], {}),
      hardSwishGradient: recordOne("hardSwishGradient", [far, ones], {}),
    };
    const program = await backend.compile(buildGraph({ ...outputs, ...slopes }));
    await program.run({ x: Float32Array.of(-1e4, 1e4, NaN, -Infinity) });
    const read = async (name: string): Promise<number[]> => [...(await program.read(name))].map((value) => value + 0);
    expect((await read("gelu")).slice(0, 3)).toEqual([0, 1e4, NaN]);
    expect((await read("hardSwish")).slice(0, 2)).toEqual([0, 1e4]);
    expect((await read("sigmoid")).slice(1, 3)).toEqual([1, NaN]);
    expect((await read("sigmoid"))[0]).toBeLessThan(1e-37);
    expect(await read("geluGradient")).toEqual([0, 1, NaN, 0]);
    expect(await read("hardSwishGradient")).toEqual([0, 1, NaN, 0]);
    await program.dispose();
  });
});
