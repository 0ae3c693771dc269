import type { Backend } from "../../../engine/backend.ts";
import { FinchError } from "../../../engine/errors.ts";
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
 * The faster of a back end and a GPU, by a short training on both; the other one is disposed of. gpu.js is not loaded
 * unless it is installed and this machine may have a GPU. An adapter in software is left out: it computes on the same
 * processor.
 */
export async function fasterForTraining(own: Backend): Promise<Choice> {
  const gpu = await openAdapter();
  const { name, variant } = own;
  if (typeof gpu !== "string") {
    try {
      const [milliseconds, ofGpu] = [await probeTraining(own), await probeTraining(gpu)];
      const [chosen, other] = ofGpu < milliseconds ? [gpu, own] : [own, gpu];
      await other.dispose();
      const candidates = [
        { backend: name, variant, milliseconds, note: null },
        { backend: gpu.name, variant: gpu.variant, milliseconds: ofGpu, note: null },
      ];
      return { chosen, candidates };
    } catch (error) {
      if (!(error instanceof FinchError)) throw error;
      await gpu.dispose();
      return { chosen: own, candidates: candidatesWithout(own, gpu.variant, error.message) };
    }
  }
  return { chosen: own, candidates: candidatesWithout(own, null, gpu) };
}

function candidatesWithout({ name, variant }: Backend, gpu: string | null, note: string): Candidate[] {
  return [
    { backend: name, variant, milliseconds: null, note: "there is nothing to compare it with" },
    { backend: "gpu", variant: gpu, milliseconds: null, note },
  ];
}

/** A back end on a GPU, or why there is none. */
async function openAdapter(): Promise<GpuBackend | string> {
  if (!isInstalled("gpu.js")) return "gpu.js is not installed";
  if (process.platform === "linux" && !(await hasVulkanDriver())) return "there is no Vulkan driver";
  try {
    const gpu = await openGpuBackend();
    if (!gpu.adapter.software) return gpu;
    await gpu.dispose();
    return `${gpu.variant} computes on this processor, as wasm does`;
  } catch (error) {
    if (!(error instanceof FinchError)) throw error;
    return error.message;
  }
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}
