import { expect, test } from "vitest";
import { floatTolerance } from "../../../codegen/tolerance.ts";
import { calibrate, createInterpreter, generate, quantizeNetwork } from "../../../codegen/index.ts";
import { randomNormals } from "../../../engine/random.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { CProgram, strict } from "../c-program.ts";
import { lowered, trained } from "../graphs.ts";

test("a softmax that stays in float32 does not write over what is added to it", async () => {
  // x is read once more behind the softmax, so that of its operands only the summand dies with it.
  const graph = lowered([1, 4, 4, 6], (image) => {
    const x = image.conv2d(trained(3, 3, 6, 8), { padding: "same" }).relu();
    const summand = image.conv2d(trained(1, 1, 6, 8), {});
    return x.softmax().add(summand).multiply(x);
  });
  const keepFloat = graph.layers.filter(({ op }) => op === "softmax" || op === "multiply").map(({ name }) => name);
  const backend = createReferenceBackend();
  const images = [3, 4].map((seed) => Float32Array.from(randomNormals(96, seed)));
  const quantized = quantizeNetwork(await calibrate(graph, images, { backend }), { keepFloat });
  const softmax = quantized.layers.find(({ op, name }) => op === "float32" && name === keepFloat[0]);
  expect(softmax).toMatchObject({ layer: { op: "softmax", epilogue: [{ kind: "add" }] } });

  const code = generate({ graph, quantized, name: "mixed" }, { target: "host", precision: "int8" });
  await using program = await CProgram.write([code]);
  const interpreter = await createInterpreter(quantized, { backend });
  const image = Int8Array.from(randomNormals(96, 5), (value) => Math.max(-128, Math.min(127, 40 * value)));
  const expected = Array.from(await interpreter.run(image));
  const [output] = await program.runOnHost<Float32Array>("gcc", [...strict, "-O1"], [image]);
  const largest = Math.max(...expected.map(Math.abs));
  expect(largest).toBeGreaterThan(0.1);
  for (const [index, value] of output!.entries())
    expect(Math.abs(value - expected[index]!)).toBeLessThan(floatTolerance(largest));
});
