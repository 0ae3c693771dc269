import { GpuDevice } from "../../../kernels/gpu/device.ts";
import type { GpuJs, GpuMode } from "../../../kernels/gpu/index.ts";
import { splitting } from "../../../kernels/gpu/kernel-text.ts";

// Runs in a page: what it exports can be called from text.test.ts.

const library = (globalThis as unknown as { GPU: GpuJs }).GPU;

/** How many of `count` indexes from `first` on are not divided by a size as whole numbers are; for each size. */
export async function wrongDivisions(
  mode: GpuMode,
  sizes: readonly number[],
  first: number,
  count: number,
): Promise<number[]> {
  const device = new GpuDevice(library, mode);
  const nothing = await device.upload(1).run(Float32Array.of(0));
  const wrong: number[] = [];
  for (const size of sizes) {
    const source = `function (x) {
const index = this.thread.x + ${first} + x[0];
${splitting("index", size, "quotient", "rest")}
return quotient;
}`;
    const kernel = device.kernel("division", source, count);
    const quotients = await device.read(await kernel.run([nothing]), count);
    wrong.push(quotients.reduce((sum, value, at) => sum + (value === Math.floor((first + at) / size) ? 0 : 1), 0));
    kernel.destroy();
  }
  await device.dispose();
  return wrong;
}
