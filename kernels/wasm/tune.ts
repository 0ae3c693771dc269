import { buildGraph, type Graph } from "../../engine/graph.ts";
import { randomNormal } from "../../engine/random.ts";
import { input } from "../../engine/record.ts";
import { WasmBackend } from "./backend.ts";
import { Heap } from "./heap.ts";
import { inlineRunner } from "./inline.ts";
import type { Variant } from "./variants.ts";

const rows = 96;
const inner = 96;
const columns = 96;
const values = (stream: number, count: number): Float32Array =>
  Float32Array.from({ length: count }, (_, index) => randomNormal(stream, index));

/** The operands are fed: what depends on constants alone would be computed once. */
function probe(): { graph: Graph; inputs: Record<string, Float32Array>; expected: Float64Array } {
  const a = values(1, rows * inner);
  const b = values(2, inner * columns);
  const expected = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let l = 0; l < inner; l++) sum += a[i * inner + l]! * b[l * columns + j]!;
      expected[i * columns + j] = Math.max(sum, 0);
    }
  const y = input("a", [rows, inner])
    .matmul(input("b", [inner, columns]))
    .relu();
  return { graph: buildGraph({ y }), inputs: { a, b }, expected };
}

/**
 * Runs a matrix product whose answer is known until the engine has optimised the kernel. Gives the milliseconds of one
 * run, or `undefined` when the answer is wrong.
 */
export async function tryVariant(variant: Variant, module: WebAssembly.Module): Promise<number | undefined> {
  const heap = new Heap();
  const backend = new WasmBackend(variant, heap, inlineRunner(module, heap));
  const { graph, inputs, expected } = probe();
  const program = await backend.compile(graph);
  const correct = async (): Promise<boolean> =>
    (await program.read("y")).every((value, index) => Math.abs(value - expected[index]!) < 1e-3);
  await program.run(inputs);
  if (!(await correct())) return undefined;
  let best = Infinity;
  const end = performance.now() + 12;
  for (let batch = 0; batch < 4 || performance.now() < end; batch++) {
    const start = performance.now();
    for (let i = 0; i < 4; i++) await program.run();
    best = Math.min(best, (performance.now() - start) / 4);
  }
  return (await correct()) ? best : undefined;
}
