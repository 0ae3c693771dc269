import { ToolError } from "../../../engine/errors.ts";
import type { GpuJs } from "../gpu-js.ts";

/** @throws ToolError when gpu.js is not installed */
export async function loadGpuJs(): Promise<GpuJs> {
  try {
    const { default: library } = (await import("gpu.js")) as unknown as { readonly default: GpuJs };
    return library;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new ToolError("gpu: the gpu back end needs the package gpu.js: npm install gpu.js");
  }
}
