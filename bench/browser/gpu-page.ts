import type { Architecture } from "../../engine/architecture.ts";
import { createGpuBackend, type GpuBackend, type GpuJs, type GpuMode } from "../../kernels/gpu/index.ts";
import { benchKernels } from "../kernels.ts";
import { benchTraining } from "../networks.ts";
import type { KernelRow, NetworkRow } from "../rows.ts";

// Runs in a page: what it exports is called by gpu.ts.

const library = (globalThis as unknown as { GPU: GpuJs }).GPU;

interface Options {
  readonly batch: number;
  readonly seconds: number;
}

/** What `finch bench train` measures, here. */
export function trainingRow(mode: GpuMode, architecture: Architecture, options: Options): Promise<NetworkRow> {
  return withBackend(mode, (backend) => benchTraining(architecture, { backend, peak: null, ...options }));
}

/** What `finch bench kernels` measures, here. */
export function kernelRows(mode: GpuMode, filter: string, options: Options): Promise<KernelRow[]> {
  return withBackend(mode, (backend) => benchKernels({ backend, peak: null, filter, ...options }));
}

async function withBackend<T>(mode: GpuMode, work: (backend: GpuBackend) => Promise<T>): Promise<T> {
  const backend = await createGpuBackend(library, { mode });
  try {
    return await work(backend);
  } finally {
    await backend.dispose();
  }
}
