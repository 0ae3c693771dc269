import type { Architecture } from "../../engine/architecture.ts";
import { createGpuBackend, type GpuBackend, type GpuJs, type GpuMode } from "../../kernels/gpu/index.ts";
import { benchKernels } from "../kernels.ts";
import { benchTraining } from "../networks.ts";
import { benchPatterns } from "../patterns.ts";
import type { KernelRow, NetworkRow, PatternRow } from "../rows.ts";

// Runs in a page: what it exports is called by gpu.ts.

const library = (globalThis as unknown as { GPU: GpuJs }).GPU;

interface Options {
  readonly batch: number;
  readonly seconds: number;
}

/** Whether there is a GPU here that is no program on the processor. */
export async function hasGpu(): Promise<boolean> {
  const backend = await createGpuBackend(library).catch(() => undefined);
  await backend?.dispose();
  return backend?.adapter.software === false;
}

/** What `finch bench train` measures, here. */
export function trainingRow(mode: GpuMode, architecture: Architecture, options: Options): Promise<NetworkRow> {
  return withBackend(mode, (backend) => benchTraining(architecture, { backend, peak: null, ...options }));
}

/** What the launches of a step take, here. */
export function patternRows(mode: GpuMode, architecture: Architecture, batch: number): Promise<PatternRow[]> {
  return withBackend(mode, (backend) => benchPatterns(architecture, { backend, batch }));
}

/** What `finch bench kernels` measures of a kernel, here. */
export function kernelRows(mode: GpuMode, name: string, options: Options): Promise<KernelRow[]> {
  return withBackend(mode, (backend) => benchKernels({ backend, peak: null, names: [name], ...options }));
}

async function withBackend<T>(mode: GpuMode, work: (backend: GpuBackend) => Promise<T>): Promise<T> {
  const backend = await createGpuBackend(library, { mode });
  try {
    return await work(backend);
  } finally {
    await backend.dispose();
  }
}
