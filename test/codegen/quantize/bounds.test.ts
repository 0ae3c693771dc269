import { describe, expect, it } from "vitest";
import { checkBounds, productBounds } from "../../../codegen/quantize/bounds.ts";
import type {
  Int8Element,
  QuantizedGraph,
  QuantizedLayer,
  QuantizedOp,
  Result,
} from "../../../codegen/quantize/graph.ts";
import { createInterpreter } from "../../../codegen/quantize/interpreter/interpret.ts";
import type { Shape } from "../../../engine/shape.ts";

const int8 = (zero = 0, low = -128): Int8Element => ({ type: "int8", scale: 1, zero, low, high: 127 });
const result: Result = { type: "int8", multipliers: Int32Array.of(1), shift: 40, zero: 0, low: -128, high: 127 };

function graphOf<K extends QuantizedOp>(
  body: Omit<QuantizedLayer<K>, "name" | "inputs" | "output">,
  inputs: readonly Shape[],
  output: Shape,
  element: Int8Element = int8(-128),
): QuantizedGraph {
  const values = [...inputs, output].map((shape, id) => ({ id, name: `v${id}`, shape, element }));
  const layer = { name: "wide", inputs: inputs.map((_, id) => id), output: inputs.length, ...body } as QuantizedLayer;
  return { values, layers: [layer], input: 0, output: inputs.length };
}

/** A product of `k` weights of 127. */
function dense(k: number, bias = 0, factor = 0): QuantizedGraph {
  const weights = new Int8Array(k).fill(127);
  const attributes = { transposeA: false, transposeB: false };
  return graphOf<"matmul">(
    {
      op: "matmul",
      attributes,
      weights,
      weightShape: [k, 1],
      epilogue: [
        { kind: "bias", bias: Int32Array.of(bias) },
        { kind: "add", value: 1, factors: Int32Array.of(factor) },
      ],
      result,
    },
    [[1, k]],
    [1, 1],
  );
}

describe("bounds", () => {
  it("sums of products with their bias and summands stay in 32 bits", () => {
    // 383 · 127 for a weight, the zero point folded into the bias or not
    const most = Math.floor((2 ** 31 - 1) / (383 * 127));
    expect(() => checkBounds(dense(most))).not.toThrow();
    expect(() => checkBounds(dense(most + 1))).toThrow(/int8: wide: a sum can reach .*keep this layer in float32/);
    const left = 2 ** 31 - 1 - 383 * 127 * 10;
    expect(() => checkBounds(dense(10, -left))).not.toThrow();
    expect(() => checkBounds(dense(10, -left - 1))).toThrow("a sum can reach");
    expect(() => checkBounds(dense(10, 0, Math.floor(left / 383)))).not.toThrow();
    expect(() => checkBounds(dense(10, 0, Math.ceil((left + 1) / 383)))).toThrow("a sum can reach");
  });

  it("the largest sum that is allowed is computed exactly", async () => {
    const graph = dense(44_000);
    const wide: QuantizedGraph = {
      ...graph,
      layers: graph.layers.map((layer) => ({ ...layer, epilogue: [] }) as QuantizedLayer),
      values: graph.values.map((value) => ({ ...value, element: int8(-128) })),
    };
    checkBounds(wide);
    const interpreter = await createInterpreter({
      ...wide,
      layers: wide.layers.map((layer) => ({
        ...layer,
        result: { type: "int32", multipliers: Int32Array.of(2 ** 30), shift: 31 },
      })) as QuantizedLayer[],
      values: wide.values.map((value) => (value.id === 1 ? { ...value, element: { type: "int32", scale: 1 } } : value)),
    });
    const [sum] = await interpreter.run(new Int8Array(44_000).fill(127));
    expect(sum).toBe((44_000 * 127 * 255) / 2);
  });

  it("rows of attention and of its linear kin", () => {
    const attention = (tokens: number, weightShift: number): QuantizedGraph =>
      graphOf<"attention">(
        { op: "attention", heads: 1, exponent: { multiplier: 2 ** 30, shift: 40 }, weightShift, result },
        [0, 1, 2].map(() => [1, tokens, 4]),
        [1, tokens, 4],
      );
    expect(() => checkBounds(attention(257, 0))).not.toThrow();
    expect(() => checkBounds(attention(258, 0))).toThrow("a weighted sum can reach");
    expect(() => checkBounds(attention(258, 1))).not.toThrow();
    const linear = (tokens: number, productShift: number): QuantizedGraph =>
      graphOf<"linearAttention">(
        { op: "linearAttention", heads: 1, productShift, totalShift: 0, epsilon: 0, leastTotal: 1, result },
        [0, 1, 2].map(() => [1, tokens, 4]),
        [1, tokens, 4],
      );
    expect(() => checkBounds(linear(64, 0))).toThrow("a product with a query can reach");
    expect(() => checkBounds(linear(64, 1))).not.toThrow();
    expect(() => checkBounds(linear(34_000, 16))).toThrow("a sum over tokens can reach");
  });

  it("a product is exact in float32 when the bound of its channel is below 2²⁴", () => {
    const graph = dense(3);
    const [layer] = graph.layers as [QuantizedLayer<"matmul">];
    expect(productBounds(graph, layer)).toEqual([3 * 127 * 255]);
    const rectified = { ...graph, values: graph.values.map((value) => ({ ...value, element: int8(-28, -28) })) };
    expect(productBounds(rectified, layer)).toEqual([3 * 127 * 155]);
  });
});
