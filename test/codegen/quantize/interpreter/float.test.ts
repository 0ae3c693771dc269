import { expect, it } from "vitest";
import type { QuantizedGraph } from "../../../../codegen/quantize/graph.ts";
import { createInterpreter } from "../../../../codegen/quantize/interpreter/interpret.ts";

/** float32 → int8 → float32 */
function thereAndBack(scale: number, zero: number): QuantizedGraph {
  const shape = [1, 8];
  const element = { type: "int8", scale, zero, low: -128, high: 120 } as const;
  return {
    values: [
      { id: 0, name: "x", shape, element: { type: "float32" } },
      { id: 1, name: "q", shape, element },
      { id: 2, name: "y", shape, element: { type: "float32" } },
    ],
    layers: [
      { op: "quantize", name: "in", inputs: [0], output: 1, factor: Math.fround(256 / scale) },
      { op: "dequantize", name: "out", inputs: [1], output: 2 },
    ],
    input: 0,
    output: 2,
  };
}

it("floats become cells, halves going up, and what no cell can hold its bound", async () => {
  const interpreter = await createInterpreter(thereAndBack(0.5, -10));
  const values = Float32Array.of(0, 0.25, 0.24, -0.25, -0.26, 1e30, -1e30, NaN);
  const real = await interpreter.run(values);
  expect(Array.from(interpreter.cells(1))).toEqual([-10, -9, -10, -10, -11, 120, -128, -128]);
  expect(Array.from(real)).toEqual([0, 0.5, 0, 0, -0.5, 65, -59, -59]);
});

it("the parts below a 256th of a step are cut off towards zero", async () => {
  const interpreter = await createInterpreter(thereAndBack(1, 0));
  const almostHalf = 0.5 - 2 ** -9;
  await interpreter.run(Float32Array.of(almostHalf, 0.5, -0.5, -0.5 - 2 ** -9, -0.5 - 2 ** -8, 3.5, -3.5, 0));
  expect(Array.from(interpreter.cells(1))).toEqual([0, 1, 0, 0, -1, 4, -3, 0]);
});

it("an input of another length is refused", async () => {
  const interpreter = await createInterpreter(thereAndBack(1, 0));
  await expect(interpreter.run(new Float32Array(7))).rejects.toThrow("int8: the input has 8 cells, got 7");
});
