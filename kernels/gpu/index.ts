import type { Backend } from "../../engine/backend.ts";
import { BackendError } from "../../engine/errors.ts";
import type { Graph } from "../../engine/graph.ts";
import { describeAdapter, type GpuAdapter } from "./adapter.ts";
import { GpuDevice, messageOf } from "./device.ts";
import { gpuModes, type GpuJs, type GpuMode } from "./gpu-js.ts";
import { DeviceProgram, type GpuProgram } from "./program.ts";

export type { GpuAdapter } from "./adapter.ts";
export { gpuModes, type GpuJs, type GpuMode } from "./gpu-js.ts";
export type { GpuCounts, GpuProgram, LaunchTime } from "./program.ts";

export interface GpuOptions {
  /**
   * The mode that must run; a kernel that falls back to another is an error. Default: the first of `gpuModes` that
   * works here. `webasm` and `cpu` are no GPU and run only when they are named.
   */
  readonly mode?: GpuMode;
}

export interface GpuBackend extends Backend {
  readonly mode: GpuMode;
  readonly adapter: GpuAdapter;
  compile(graph: Graph): Promise<GpuProgram>;
}

/**
 * Kernels through gpu.js: WebGPU or WebGL.
 * @param library the module `gpu.js` (2.24), or the global `GPU` of its browser bundle
 * @throws BackendError when no mode, or not the one that was named, works here: with what each one says
 */
export async function createGpuBackend(library: GpuJs, { mode }: GpuOptions = {}): Promise<GpuBackend> {
  const modes = mode === undefined ? gpuModes : [mode];
  const failures: string[] = [];
  for (const mode of modes)
    try {
      return backendOn(await openDevice(library, mode), await describeAdapter(mode));
    } catch (error) {
      failures.push(`${mode}: ${messageOf(error).replace(/^gpu: /, "")}`);
    }
  throw new BackendError(`gpu: nothing works here of what was tried: ${failures.join("; ")}`);
}

function backendOn(device: GpuDevice, adapter: GpuAdapter): GpuBackend {
  const { mode } = device;
  return {
    name: "gpu",
    mode,
    adapter,
    variant: `${mode}, ${adapter.name}${adapter.software ? " (software)" : ""}`,
    threads: 1,
    profile: { id: `gpu-${mode}` },
    compile: async (graph) => {
      device.check();
      return new DeviceProgram(graph, device);
    },
    dispose: () => device.dispose(),
  };
}

/** Opens a device and computes one small array on it. What does that stays: with its last kernel a context goes. */
async function openDevice(library: GpuJs, mode: GpuMode): Promise<GpuDevice> {
  const device = new GpuDevice(library, mode);
  try {
    const operand = await device.upload(3).run(Float32Array.of(1, -2, 0.5));
    const kernel = device.kernel("probe", "function (x) { return x[this.thread.x] * 2 + this.thread.x; }", 3);
    const answer = await device.read(await kernel.run([operand]), 3);
    if (answer.join() !== "2,-3,3") throw new BackendError(`gpu: a kernel gives ${answer.join()} instead of 2,-3,3`);
    return device;
  } catch (error) {
    await device.dispose();
    throw error;
  }
}
