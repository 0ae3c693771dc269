import fc from "fast-check";
import type {
  Int8Element,
  QuantizedGraph,
  QuantizedLayer,
  QuantizedOp,
  QuantizedValue,
  Requantization,
  Result,
} from "../../../../codegen/quantize/graph.ts";
import { createInterpreter } from "../../../../codegen/quantize/interpreter/interpret.ts";
import { randomInteger } from "../../../../engine/random.ts";
import { elementCount, type Shape } from "../../../../engine/shape.ts";

/** docs/int8.md letter by letter, in whole numbers without limit. */

export function rescaleExactly(acc: bigint, multiplier: bigint, shift: number): bigint {
  return (acc * multiplier + 2n ** BigInt(shift - 1)) >> BigInt(shift);
}

function saturate(q: bigint, { low, high }: { readonly low: number; readonly high: number }): bigint {
  return q < BigInt(low) ? BigInt(low) : q > BigInt(high) ? BigInt(high) : q;
}

export function requantizeExactly(acc: bigint, at: Requantization, channel: number): bigint {
  const multiplier = at.multipliers[at.multipliers.length === 1 ? 0 : channel]!;
  return saturate(rescaleExactly(acc, BigInt(multiplier), at.shift) + BigInt(at.zero), at);
}

export function normalizeExactly(acc: bigint, total: bigint, result: Result & { type: "int8" }): bigint {
  const h = total.toString(2).length - 16;
  const n = h > 0 ? (total + 2n ** BigInt(h - 1)) >> BigInt(h) : total * 2n ** BigInt(-h);
  const r = (2n ** 32n - 1n) / n;
  const multiplier = (r * BigInt(result.multipliers[0]!)) >> 17n;
  return saturate(rescaleExactly(acc, multiplier, result.shift + h) + BigInt(result.zero), result);
}

export interface Cells {
  readonly shape: Shape;
  readonly zero: number;
  readonly cells: Int8Array;
}

/** How random cells look: anything, only the two extremes, or one extreme everywhere. */
export const spreads = fc.constantFrom("any", "extremes", "least", "largest");

export function randomCells(
  shape: Shape,
  seed: number,
  spread: "any" | "extremes" | "least" | "largest",
  least = -128,
): Int8Array {
  return Int8Array.from({ length: elementCount(shape) }, (_, index) => {
    const drawn = randomInteger(256, 7, seed, index);
    if (spread === "least") return least;
    if (spread === "largest") return 127;
    if (spread === "extremes") return drawn < 128 ? least : 127;
    return Math.max(least, drawn - 128);
  });
}

export const zeros = fc.oneof(fc.integer({ min: -128, max: 127 }), fc.constantFrom(-128, 0, 127));

/** Makes multipliers whose results fall into the range of an int8 and beyond it. */
export const requantizations = fc.record({
  multipliers: fc.integer({ min: 2 ** 20, max: 2 ** 31 - 1 }).map((multiplier) => Int32Array.of(multiplier)),
  shift: fc.integer({ min: 33, max: 54 }),
  zero: zeros,
  low: fc.constantFrom(-128, -128, -3),
  high: fc.constant(127),
});

export const int8Results = requantizations.map((at): Result & { type: "int8" } => ({ type: "int8", ...at }));

/** What the interpreter gives for one layer. */
export async function runLayer<K extends QuantizedOp>(
  body: Omit<QuantizedLayer<K>, "name" | "inputs" | "output">,
  inputs: readonly Cells[],
  shape: Shape,
  { summands = [], output = "int8" }: { readonly summands?: readonly Cells[]; readonly output?: "int8" | "int32" } = {},
): Promise<number[]> {
  const operands = [...inputs, ...summands];
  const element = (zero: number): Int8Element => ({ type: "int8", scale: 1, zero, low: -128, high: 127 });
  const values: QuantizedValue[] = [
    ...operands.map((operand, id) => ({ id, name: `x${id}`, shape: operand.shape, element: element(operand.zero) })),
    { id: operands.length, name: "y", shape, element: output === "int32" ? { type: output, scale: 1 } : element(0) },
  ];
  const layer = {
    name: "layer",
    inputs: inputs.map((_, id) => id),
    output: operands.length,
    ...body,
  } as QuantizedLayer;
  const constants = operands.slice(1).map(({ cells }, index): QuantizedLayer => ({
    op: "constant",
    name: `x${index}`,
    inputs: [],
    output: index + 1,
    cells,
  }));
  const graph: QuantizedGraph = { values, layers: [...constants, layer], input: 0, output: operands.length };
  return Array.from(await (await createInterpreter(graph)).run(operands[0]!.cells));
}

export const numbers = (cells: readonly bigint[]): number[] => cells.map(Number);

/** x − zero of every cell. */
export const exactCells = ({ cells, zero }: Cells): bigint[] => Array.from(cells, (q) => BigInt(q - zero));
export const seeds = fc.integer({ min: 0, max: 2 ** 20 });
export const size = (max: number) => fc.integer({ min: 1, max });
