import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { WasmBackend } from "../../../kernels/wasm/backend.ts";
import { Heap } from "../../../kernels/wasm/heap.ts";
import { inlineRunner } from "../../../kernels/wasm/inline.ts";
import {
  columnTiles,
  productTiles,
  standardCosts,
  tileWidths,
  type TileCosts,
} from "../../../kernels/wasm/lower/tiles.ts";
import { measureTiles } from "../../../kernels/wasm/tune.ts";
import { moduleFiles } from "../../../kernels/wasm/variants.ts";
import { sameBits } from "../../op-cases/harness.ts";
import { opCases } from "../../op-cases/index.ts";

const widthsOf = (columns: number, depth: number, costs: TileCosts): number[] =>
  productTiles(columns, depth, costs).map(({ width }) => width);

/** Costs that make one width look best, whatever the columns. */
const favouring = (favourite: number): TileCosts =>
  tileWidths.map((width) => ({ width, start: 1, step: width === favourite ? 1e-6 : 1 }));

describe("the choice of tiles", () => {
  it("covers the columns with the least cost", () => {
    expect(widthsOf(40, 64, standardCosts.wide)).toEqual([24, 16]);
    expect(widthsOf(10, 64, standardCosts.narrow)).toEqual([8, 4]);
    for (const width of tileWidths) expect(new Set(widthsOf(50, 64, favouring(width)))).toEqual(new Set([width]));
    expect(columnTiles(10, 64, favouring(4)).every(({ width }) => width > 4)).toBe(true);
    expect(productTiles(10, 64, favouring(4)).at(-1)).toEqual({ column: 8, width: 4, valid: 2 });
  });

  it("weighs what a tile costs to begin with when sums are short", () => {
    const costs = [
      { width: 16, start: 10, step: 16 },
      { width: 24, start: 10, step: 25 },
    ];
    expect(widthsOf(48, 4, costs)).toEqual([24, 24]);
    expect(widthsOf(48, 400, costs)).toEqual([16, 16, 16]);
  });
});

describe("measured costs", () => {
  let module: WebAssembly.Module;
  beforeAll(async () => {
    const file = new URL(`../../../kernels/wasm/${moduleFiles.wide}`, import.meta.url);
    module = await WebAssembly.compile(await readFile(file));
  });

  it.each(["matmul", "conv2d"] as const)("never change a bit (%s)", { timeout: 120_000 }, async (family) => {
    const backends = [standardCosts.wide, ...tileWidths.map(favouring)].map((costs) => {
      const heap = new Heap();
      return new WasmBackend("wide", heap, inlineRunner(module, heap), { costs });
    });
    expect(await sameBits(opCases[family], backends)).toEqual([]);
  });

  it("are times of every width", { timeout: 20_000 }, async () => {
    let costs: TileCosts | undefined;
    // On a busy machine times may not settle.
    for (let attempt = 0; attempt < 10 && costs === undefined; attempt++) costs = await measureTiles("wide", module);
    expect(costs!.map(({ width }) => width)).toEqual(tileWidths);
    for (const { start, step } of costs!) {
      expect(start).toBeGreaterThanOrEqual(0);
      expect(step).toBeGreaterThan(0);
    }
  });
});

/** A process with its own cache folder; gives what `script` writes. */
function run(cache: string, script: string): string {
  return execFileSync(process.execPath, ["--input-type=module", "-e", script], {
    env: { ...process.env, XDG_CACHE_HOME: cache },
    encoding: "utf8",
    timeout: 60_000,
  });
}

describe("the cache of costs", () => {
  const create = 'import { createWasmBackend } from "./kernels/wasm/node/index.ts";';
  const tuning = 'import { storedCosts, storeCosts } from "./kernels/wasm/node/tuning.ts";';
  const costs = favouring(8);

  it("is shared by processes, and by workers without reading it", () => {
    const cache = mkdtempSync(join(tmpdir(), "finch-tuning-"));
    run(cache, `${tuning} await storeCosts("some", ${JSON.stringify(costs)});`);
    expect(readdirSync(join(cache, "finch-nas"))).toEqual(["tiles-some.json"]);
    const script = `${tuning} process.stdout.write(JSON.stringify(await storedCosts("some")));`;
    expect(JSON.parse(run(cache, script))).toEqual(costs);
    const inWorker = `${tuning}
      import { Worker } from "node:worker_threads";
      const script = ${JSON.stringify(script)};
      await storeCosts("other", ${JSON.stringify(costs)});
      process.env.XDG_CACHE_HOME = "/nowhere";
      new Worker(new URL("data:text/javascript," + encodeURIComponent(script
        .replace('"./', '"' + new URL("file://" + process.cwd() + "/")).replace('"some"', '"other"'))));`;
    expect(JSON.parse(run(cache, inWorker))).toEqual(costs);
  });

  it("does not trust a file that is damaged, and does without a folder", async () => {
    const cache = mkdtempSync(join(tmpdir(), "finch-tuning-"));
    run(cache, `${tuning} await storeCosts("some", ${JSON.stringify(costs)});`);
    const script = `${tuning} process.stdout.write(String(await storedCosts("some")));`;
    const file = join(cache, "finch-nas", "tiles-some.json");
    for (const text of [readFileSync(file, "utf8").slice(0, -4), "[]", "null", JSON.stringify(costs.slice(1))]) {
      writeFileSync(file, text);
      expect(run(cache, script)).toBe("undefined");
    }
    writeFileSync(join(cache, "occupied"), "");
    const open = `${create}
      const backend = await createWasmBackend({ inline: true });
      process.stdout.write(String(backend.threads));`;
    for (const denied of [join(cache, "occupied"), "/proc/finch"]) expect(run(denied, open)).toBe("1");
  });

  it("is not written when tuning is off", () => {
    const cache = mkdtempSync(join(tmpdir(), "finch-tuning-"));
    run(cache, `${create} await createWasmBackend({ inline: true, tune: false });`);
    expect(existsSync(join(cache, "finch-nas"))).toBe(false);
  });
});
