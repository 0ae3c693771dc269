import { expect, test } from "vitest";
import { generate, type CodegenOptions } from "../../../codegen/index.ts";
import { type ObservedCode, verifyLayers } from "../../../codegen/verify/layers.ts";
import type { VerifyTarget } from "../../../codegen/verify/targets.ts";
import { inferenceToGraph } from "../../../engine/plan/record-inference.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { lowered, trained } from "../graphs.ts";
import { describeWithTools, riscvTools } from "./with-tools.ts";

const graph = lowered([1, 6, 6, 3], (x) => {
  const y = x.conv2d(trained(3, 3, 3, 4), { padding: "same" }).relu();
  return y
    .add(y.conv2d(trained(3, 3, 4, 4), { padding: "same" }))
    .globalAveragePool()
    .matmul(trained(4, 3));
});
const image = Float32Array.from({ length: 108 }, (_, index) => Math.sin(index));
const values = graph.layers.map(({ output }) => output);
const program = await createReferenceBackend({ precision: "float64" }).compile(
  inferenceToGraph(graph, { observed: values }),
);
await program.run({ images: image });
const cells = new Map<number, Float32Array>();
for (const value of values) cells.set(value, await program.read(graph.values[value]!.name));

const compare = (target: VerifyTarget, change: (text: string) => string = (text) => text) => {
  const options: CodegenOptions = { target, precision: "float32", observed: true };
  const code = generate({ graph, name: "observed" }, options);
  const files = code.files.map(({ name, text }) => ({ name, text: name.endsWith(".c") ? change(text) : text }));
  const observed: ObservedCode = { ...code, files };
  return verifyLayers({ code: observed, target, image, expected: ({ value }) => cells.get(value)! });
};

await describeWithTools("layer by layer", ["gcc", ...riscvTools], () => {
  test.each(["host", "rv32imafc"] as const)("every layer agrees on %s", async (target) => {
    const rows = await compare(target);
    expect(rows.map(({ op, departs }) => [op, departs])).toEqual([
      ["conv2d", false],
      ["conv2d", false],
      ["globalAveragePool", false],
      ["matmul", false],
    ]);
    const instructions = rows.map((row) => row.instructions ?? 0);
    if (target === "host") expect(Math.max(...instructions)).toBe(0);
    else expect(instructions[1]).toBeGreaterThan(rows[1]!.macs);
  });

  test("the first layer that departs is the one whose weight was changed", async () => {
    const rows = await compare("host", (text) => {
      const tables = [...text.matchAll(/float observed_w_\d+\[144\] = \{\n {2}/g)];
      const [{ index, 0: begin }] = tables as [RegExpExecArray];
      return `${text.slice(0, index + begin.length)}0.5f + ${text.slice(index + begin.length)}`;
    });
    expect(rows.map(({ departs }) => departs)).toEqual([false, true, true, true]);
  });
});
