import type { Backend } from "../../../engine/backend.ts";
import { BackendError } from "../../../engine/errors.ts";
import { createGpuBackend, type GpuOptions } from "../index.ts";
import { loadGpuJs } from "./load-gpu-js.ts";
import { provideWebGpu } from "./web-gpu.ts";

/**
 * The gpu back end on Node. WebGPU is that of the npm package `webgpu` (Dawn); gpu.js and it are loaded by the first call.
 * @throws ToolError when gpu.js is not installed; BackendError when no mode works here, or not the one that was named
 */
export async function openGpuBackend(options: GpuOptions = {}): Promise<Backend> {
  const library = await loadGpuJs();
  const problem = (options.mode ?? "webgpu") === "webgpu" ? await provideWebGpu() : undefined;
  try {
    return await createGpuBackend(library, options);
  } catch (error) {
    if (problem === undefined || !(error instanceof BackendError)) throw error;
    throw new BackendError(`${error.message}; WebGPU on Node: ${problem}`);
  }
}
