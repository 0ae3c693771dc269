import type { Backend } from "../../engine/backend.ts";
import { BackendError } from "../../engine/errors.ts";
import type { GpuJs, GpuMode } from "./gpu-js.ts";
import { compileGpu, messageOf } from "./program.ts";

export type { GpuJs, GpuMode } from "./gpu-js.ts";

export interface GpuOptions {
  /** The mode that must run; a kernel that falls back to another is an error. Default `"webgpu"`. */
  readonly mode?: GpuMode;
}

/**
 * Kernels through gpu.js on WebGPU or WebGL2. It has the kernels of convolution, matrix product and relu with their
 * gradients; compiling a graph with any other op throws.
 * @param library the module `gpu.js` (2.24), or the global `GPU` of its browser bundle
 * @throws BackendError when the mode is not available here
 */
export function createGpuBackend(library: GpuJs, { mode = "webgpu" }: GpuOptions = {}): Backend {
  const gpu = open(library, mode);
  return {
    name: "gpu",
    variant: mode,
    threads: 1,
    profile: { id: `gpu-${mode}` },
    compile: async (graph) => compileGpu(graph, library, gpu, mode),
    dispose: async () => {
      await gpu.destroy();
    },
  };
}

function open(library: GpuJs, mode: GpuMode): InstanceType<GpuJs["GPU"]> {
  try {
    return new library.GPU({ mode });
  } catch (error) {
    throw new BackendError(`gpu: ${mode} is not available here: ${messageOf(error)}`);
  }
}
