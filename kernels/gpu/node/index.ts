import { BackendError } from "../../../engine/errors.ts";
import { createGpuBackend, type GpuBackend, type GpuOptions } from "../index.ts";
import { loadGpuJs } from "./load-gpu-js.ts";
import { provideWebGpu } from "./web-gpu.ts";

export type { GpuBackend, GpuMode, GpuOptions } from "../index.ts";
export { fasterForTraining, type Candidate, type Choice } from "./faster.ts";

/**
 * The gpu back end on Node. WebGPU is that of the npm package `webgpu` (Dawn); gpu.js and it are loaded by the first call.
 * @throws ToolError when gpu.js is not installed; BackendError when no mode works here, or not the one that was named
 */
export async function openGpuBackend(options: GpuOptions = {}): Promise<GpuBackend> {
  const library = await loadGpuJs();
  const problem = (options.mode ?? "webgpu") === "webgpu" ? await provideWebGpu() : undefined;
  try {
    return await createGpuBackend(library, options);
  } catch (error) {
    if (problem === undefined || !(error instanceof BackendError)) throw error;
    throw new BackendError(`${error.message}; WebGPU on Node: ${problem}`);
  }
}
