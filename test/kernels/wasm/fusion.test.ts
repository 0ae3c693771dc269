import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { moduleFiles } from "../../../kernels/wasm/variants.ts";

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
    wide: code.match(/vfmadd\w+ ymm/g)?.length ?? 0,
    narrow: code.match(/vfmadd\w+ xmm/g)?.length ?? 0,
  }));
  const hot = functions.filter(({ wide, narrow }) => wide + narrow >= 20);
  expect(hot.length).toBeGreaterThan(50);
  // Winograd's transforms of single vectors: of weights, and of gradients (called and inlined) with few channels.
  // Products of four columns: tiles of one vector and what calls them, each with and without lines of taps.
  expect(hot.filter(({ wide, narrow }) => wide < 4 * narrow).length).toBeLessThanOrEqual(3 + 4);
});
