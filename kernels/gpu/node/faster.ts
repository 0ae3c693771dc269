import type { Backend } from "../../../engine/backend.ts";
import { BackendError, FinchError } from "../../../engine/errors.ts";
import { probeTraining } from "../../probe.ts";
import type { GpuBackend } from "../index.ts";
import { openGpuBackend } from "./index.ts";
import { hasVulkanDriver } from "./vulkan.ts";

/** What is known of a back end that could train. */
export interface Candidate {
  readonly backend: string;
  /** Null where there is none. */
  readonly variant: string | null;
  /** Of one step of a small network, warm; null where it was not measured. */
  readonly milliseconds: number | null;
  /** Why it was not measured. */
  readonly note: string | null;
}

export interface Choice {
  readonly chosen: Backend;
  readonly candidates: readonly Candidate[];
}

/**
 * The faster of a back end and a GPU, by a short training on both; the other one is disposed of. An adapter in software
 * is left out: it computes on the same processor.
 * @param open gives a back end on a GPU, or throws a FinchError. Default: gpu.js is not loaded unless it is installed and
 * this machine may have a GPU
 */
export async function fasterForTraining(
  own: Backend,
  open: () => Promise<GpuBackend> = openWhereInstalled,
): Promise<Choice> {
  let gpu: GpuBackend | undefined;
  try {
    gpu = await open();
    if (gpu.adapter.software) throw new BackendError("it computes on this processor, as wasm does");
    const [ofOwn, ofGpu] = [await probeTraining(own), await probeTraining(gpu)];
    const [chosen, other] = ofGpu < ofOwn ? [gpu, own] : [own, gpu];
    await other.dispose();
    return { chosen, candidates: [candidate(own, ofOwn), candidate(gpu, ofGpu)] };
  } catch (error) {
    if (!(error instanceof FinchError)) throw error;
    await gpu?.dispose();
    const alone = { ...candidate(own, null), note: "there is nothing to compare it with" };
    return {
      chosen: own,
      candidates: [alone, { backend: "gpu", variant: gpu?.variant ?? null, milliseconds: null, note: error.message }],
    };
  }
}

function candidate({ name, variant }: Backend, milliseconds: number | null): Candidate {
  return { backend: name, variant, milliseconds, note: null };
}

/** @throws FinchError that says why there is none */
async function openWhereInstalled(): Promise<GpuBackend> {
  if (!isInstalled("gpu.js")) throw new BackendError("gpu.js is not installed");
  if (process.platform === "linux" && !(await hasVulkanDriver())) throw new BackendError("there is no Vulkan driver");
  return openGpuBackend();
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}
