import { buildGraph, type Graph } from "../../engine/graph.ts";
import { randomNormal } from "../../engine/random.ts";
import { input } from "../../engine/record.ts";
import { WasmBackend } from "./backend.ts";
import { Heap } from "./heap.ts";
import { inlineRunner } from "./inline.ts";
import { tileWidths, type TileCost, type TileCosts } from "./lower/tiles.ts";
import { planGraph } from "./plan.ts";
import { WasmProgram, type Runner } from "./program.ts";
import { profileOf, tilesOf, type Variant } from "./variants.ts";

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
 * Runs a matrix product whose answer is known until the engine has optimised the kernel, or `once`. Gives the
 * milliseconds of one run, or `undefined` when the answer is wrong.
 */
export async function tryVariant(
  variant: Variant,
  module: WebAssembly.Module,
  { once = false }: { readonly once?: boolean } = {},
): Promise<number | undefined> {
  const heap = new Heap();
  const backend = new WasmBackend(variant, heap, inlineRunner(module, heap));
  const { graph, inputs, expected } = probe();
  const program = await backend.compile(graph);
  const correct = async (): Promise<boolean> =>
    (await program.read("y")).every((value, index) => Math.abs(value - expected[index]!) < 1e-3);
  let best = await timeRun(() => program.run(inputs));
  if (!(await correct())) return undefined;
  if (once) return best;
  const end = performance.now() + 12;
  for (let batch = 0; batch < 4 || performance.now() < end; batch++) {
    const start = performance.now();
    for (let i = 0; i < 4; i++) await program.run();
    best = Math.min(best, (performance.now() - start) / 4);
  }
  return (await correct()) ? best : undefined;
}

async function timeRun(run: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

/** Products that tiles are timed on: so few rows that all stays in the first-level cache, each run so many times. */
const tileRows = 48;
const shallow = 16;
const deep = 96;
const repetitions = 24;
/** Times count when the last so many rounds, and milliseconds, have not shortened any by more than this share. */
const quiet = { rounds: 20, milliseconds: 25, share: 0.03 };
const mostMilliseconds = 300;

interface Timed {
  readonly program: WasmProgram;
  best: number;
}

function timed(width: number, depth: number, times: number, variant: Variant, heap: Heap, runner: Runner): Timed {
  const y = input("a", [tileRows, depth]).matmul(input("b", [depth, width]));
  const costs = [{ width, start: 0, step: 1 }];
  const options = { tiles: tilesOf(variant), profile: profileOf(variant), threads: 1, costs };
  const plan = planGraph(buildGraph({ y }), options);
  const dealt = Array.from({ length: times }, () => plan.dealt).flat();
  return { program: new WasmProgram({ ...plan, dealt, small: true }, heap, runner.execute), best: Infinity };
}

/**
 * Measures what the tiles of each width cost here, when the engine has optimised them. Gives `undefined` where times do
 * not settle. What is chosen by these costs never changes a bit of a result: each sum keeps its order in all tiles.
 */
export async function measureTiles(variant: Variant, module: WebAssembly.Module): Promise<TileCosts | undefined> {
  const heap = new Heap();
  const runner = inlineRunner(module, heap);
  const empty = timed(tileWidths[0], shallow, 0, variant, heap, runner);
  const cases = tileWidths.map((width) => ({
    width,
    shallow: timed(width, shallow, repetitions, variant, heap, runner),
    deep: timed(width, deep, repetitions, variant, heap, runner),
  }));
  const all = [empty, ...cases.flatMap((each) => [each.shallow, each.deep])];
  const start = performance.now();
  let settled = start;
  for (let calm = 0; calm < quiet.rounds || performance.now() - settled < quiet.milliseconds; calm++) {
    if (performance.now() - start > mostMilliseconds) return undefined;
    for (const one of all) {
      const time = await timeRun(() => one.program.run());
      if (time < (1 - quiet.share) * one.best) {
        calm = 0;
        settled = performance.now();
      }
      one.best = Math.min(one.best, time);
    }
  }
  return cases.map(({ width, ...of }): TileCost => {
    const perRow = (one: Timed): number => (one.best - empty.best) / (repetitions * tileRows);
    const step = (perRow(of.deep) - perRow(of.shallow)) / (deep - shallow);
    return { width, step, start: Math.max(0, perRow(of.shallow) - shallow * step) };
  });
}
