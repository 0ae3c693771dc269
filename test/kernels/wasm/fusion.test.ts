import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { moduleFiles } from "../../../kernels/wasm/variants.ts";

/** Functions whose multiply-adds may stay 128 bits wide, and why. */
const narrow: Readonly<Record<string, string>> = {
  "generated/tiles/multiply4Rest": "has the tiles of four columns inlined, which are one vector wide",
  "generated/tiles/matrix4x1": "a tile of four columns",
  "generated/tiles/matrix5x1": "a tile of four columns",
  "generated/tiles/matrix6x1": "a tile of four columns",
  "generated/tiles/matrix7x1": "a tile of four columns",
  "generated/tiles/matrix8x1": "a tile of four columns",
  "generated/tiles/product4": "calls the tiles of four columns, which are one vector wide",
  "generated/tiles/product4x1": "a tile of four columns",
  "generated/tiles/product8x1": "a tile of four columns",
  "generated/tiles/productLines4": "calls the tiles of four columns, which are one vector wide",
  "generated/tiles/productLines4x1": "a tile of four columns",
  "generated/tiles/productLines8x1": "a tile of four columns",
  "generated/transforms/gradientPatch4": "a patch of four channels",
  "generated/transforms/inputPatches4": "patches of four channels",
  "generated/transforms/outputPatch4": "a patch of four channels",
  "winograd/transformKernel": "weights, four channels at a time: once for each step",
  "winograd/winogradWeights": "has transformKernel inlined",
  "winograd/winogradFilterGradient": "has gradientPatch4 inlined",
  "winograd/winogradFilterSum": "weights, four channels at a time: once for each step",
  "layer-norm/layerNorm": "sums of one row, whose chains are its two vectors",
  "layer-norm/layerNormGradient": "sums of one row, and its channels in single vectors",
  "linear-attention/linearAttention": "sums of one row, whose chains are its two vectors",
  "reduce/addSquares": "reads memory once, which is all that it waits for",
};

/** So many in a function are no remainder of a loop. */
const many = 8;

/** A pattern that V8 does not recognise costs two to three times the speed, and nothing else shows it. */
test.runIf(process.arch === "x64")("V8 fuses the multiply-adds of the tiles into 256-bit instructions", async () => {
  const file = fileURLToPath(new URL(`../../../kernels/wasm/${moduleFiles.wide}`, import.meta.url));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      ...["--single-threaded", "--no-liftoff", "--no-wasm-lazy-compilation", "--experimental-wasm-revectorize"],
      ...["--print-wasm-code", "-e", "new WebAssembly.Module(fs.readFileSync(process.argv[1]))", file],
    ],
    { maxBuffer: 2 ** 28 },
  );
  const functions = stdout.split("--- WebAssembly code ---").map((code) => ({
    name: /^name: .*?\bassembly\/(\S+)$/m.exec(code)?.[1],
    wide: code.match(/vfmadd\w+ ymm/g)?.length ?? 0,
    narrow: code.match(/vfmadd\w+ xmm/g)?.length ?? 0,
  }));
  const fused = functions.filter(({ wide, narrow }) => wide >= 20 && wide >= 4 * narrow);
  expect(fused.length).toBeGreaterThan(50);
  for (const { name, ...counts } of functions)
    if (counts.narrow >= many && counts.wide < 4 * counts.narrow)
      expect(Object.keys(narrow), `${name}: ${JSON.stringify(counts)}`).toContain(name);
  const names = functions.map(({ name }) => name);
  for (const name of Object.keys(narrow)) expect(names, "no such function any more").toContain(name);
});
