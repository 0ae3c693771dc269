import { expect, it } from "vitest";
import { evaluateQuantized } from "../../../codegen/quantize/evaluate.ts";
import type { QuantizedGraph } from "../../../codegen/quantize/graph.ts";
import { interpret } from "../../../codegen/quantize/interpreter/interpret.ts";

it("the class is that of the largest integer, also where float32 holds both for the same", async () => {
  const logits = [2 ** 26, 2 ** 26 + 1];
  const graph: QuantizedGraph = {
    values: [
      { id: 0, name: "input", shape: [1, 2], element: { type: "int8", scale: 1, zero: 0, low: -128, high: 127 } },
      { id: 1, name: "logits", shape: [1, 2], element: { type: "int32", scale: 1 } },
    ],
    layers: [
      {
        ...{ name: "logits", op: "affine", inputs: [0], output: 1, weights: Int8Array.of(1, 1) },
        epilogue: [{ kind: "bias", bias: Int32Array.from(logits, (logit) => 8 * logit) }],
        result: { type: "int32", multipliers: Int32Array.of(2 ** 30), shift: 33 },
      },
    ],
    input: 0,
    output: 1,
  };
  expect(await interpret(graph, [Int8Array.of(0, 0)])).toEqual([Int32Array.from(logits)]);
  expect(new Set(logits.map(Math.fround)).size).toBe(1);

  const images = { height: 1, width: 1, channels: 2, classes: ["a", "b"], images: new Uint8Array(4) };
  const set = { ...images, count: 2, labels: Uint8Array.of(1, 0) };
  const { accuracy, confusion, predictions } = await evaluateQuantized(graph, set, {
    normalization: { mean: [0, 0], deviation: [1, 1] },
  });
  expect([...predictions]).toEqual([1, 1]);
  expect({ accuracy, confusion }).toEqual({
    accuracy: 0.5,
    confusion: [
      [0, 1],
      [0, 1],
    ],
  });
});
