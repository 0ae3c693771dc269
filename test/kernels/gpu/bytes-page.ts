import { lookUpBytes } from "../../../engine/byte-lookup.ts";
import { buildGraph } from "../../../engine/graph.ts";
import { byteInput } from "../../../engine/record.ts";
import { createGpuBackend, type GpuJs, type GpuMode } from "../../../kernels/gpu/index.ts";

// Runs in a page: what it exports can be called from bytes.test.ts.

const library = (globalThis as unknown as { GPU: GpuJs }).GPU;

/** How many of an input's bytes, every one at every place, stand for something else than its table says. */
export async function wrongBytes(mode: GpuMode, channels: number): Promise<number> {
  const lookup = Float32Array.from({ length: 256 * channels }, (_, index) => Math.sin(index));
  const bytes = Uint8Array.from({ length: 257 * 3 * channels }, (_, index) => index);
  const expected = new Float32Array(bytes.length);
  lookUpBytes(expected, bytes, lookup);
  const backend = await createGpuBackend(library, { mode });
  const program = await backend.compile(buildGraph({ y: byteInput("x", [257 * 3, channels], lookup) }));
  await program.run({ x: bytes });
  const actual = await program.read("y");
  await backend.dispose();
  return expected.reduce((wrong, value, index) => wrong + (actual[index] === value ? 0 : 1), 0);
}
