import type { Backend } from "../engine/backend.ts";
import { BackendError } from "../engine/errors.ts";
import type { Candidate, GpuMode } from "../kernels/gpu/node/index.ts";
import { createReferenceBackend } from "../kernels/reference/index.ts";
import { createWasmBackend, type WasmOptions } from "../kernels/wasm/node/index.ts";
import type { Variant } from "../kernels/wasm/variants.ts";
import type { Output } from "./output.ts";

export interface BackendFlags {
  readonly backend: "auto" | "wasm" | "reference" | "gpu";
  readonly variant?: Variant | "auto";
  readonly gpuMode?: GpuMode | undefined;
  readonly threads?: number | undefined;
  /** Run on the calling thread, without a worker. Default false. */
  readonly inline?: boolean;
  /** Bytes of intermediate values that one program may keep. */
  readonly maxActivationMemory?: number | undefined;
  /** A training follows: where there is a GPU, `auto` takes the faster one by a short training on both. Default false. */
  readonly training?: boolean;
}

/**
 * @param recorded numerics profile of the run that goes on; where it is not available, the newest is opened
 * @throws BackendError when the one asked for by name is not available
 */
export async function openBackend(
  {
    backend,
    variant = "auto",
    gpuMode,
    threads,
    inline = false,
    maxActivationMemory: maxActivationBytes,
    training = false,
  }: BackendFlags,
  output: Output,
  recorded?: string,
): Promise<Backend> {
  const wasm = { variant, threads, inline, maxActivationBytes };
  switch (backend) {
    case "reference":
      if (maxActivationBytes !== undefined)
        throw new BackendError("reference: it has no limit of activation memory; give --backend wasm");
      return createReferenceBackend();
    case "wasm":
      return openWasm(wasm, recorded, output);
    case "gpu":
      if (maxActivationBytes !== undefined)
        throw new BackendError("gpu: it has no limit of activation memory; give --backend wasm");
      return openGpu(gpuMode ?? modeOf(recorded));
    case "auto":
      if (modeOf(recorded) !== undefined) return openGpu(modeOf(recorded));
      try {
        const opened = await openWasm(wasm, recorded, output);
        const bound = variant !== "auto" || maxActivationBytes !== undefined || recorded !== undefined;
        return training && !bound ? await faster(opened, output) : opened;
      } catch (error) {
        if (!(error instanceof BackendError) || variant !== "auto" || maxActivationBytes !== undefined) throw error;
        output.warn(`${error.message}; the slow reference back end runs instead`);
        return createReferenceBackend();
      }
  }
}

/** gpu.js is not loaded before this. */
async function openGpu(mode: GpuMode | undefined): Promise<Backend> {
  const { openGpuBackend } = await import("../kernels/gpu/node/index.ts");
  return openGpuBackend(mode === undefined ? {} : { mode });
}

/** The mode of a numerics profile of GPUs: `gpu-webgl2`. */
function modeOf(profile: string | undefined): GpuMode | undefined {
  return profile?.startsWith("gpu-") ? (profile.slice("gpu-".length) as GpuMode) : undefined;
}

async function faster(opened: Backend, output: Output): Promise<Backend> {
  const { fasterForTraining } = await import("../kernels/gpu/node/index.ts");
  const { chosen, candidates } = await fasterForTraining(opened);
  for (const candidate of candidates) output.detail(describeCandidate(candidate));
  return chosen;
}

/** `gpu: webgpu, Apple M2: 3.1 ms a step`. */
export function describeCandidate({ backend, variant, milliseconds, note }: Candidate): string {
  const outcome = milliseconds === null ? `not measured (${note})` : `${milliseconds.toPrecision(3)} ms a step`;
  return [backend, ...(variant === null ? [] : [variant]), outcome].join(": ");
}

async function openWasm(
  options: Pick<WasmOptions, "maxActivationBytes"> & {
    readonly variant: Variant | "auto";
    readonly threads: number | undefined;
    readonly inline: boolean;
  },
  recorded: string | undefined,
  output: Output,
): Promise<Backend> {
  const backend = await createWasmBackend({ ...options, profile: recorded }).catch((error: unknown) => {
    if (recorded === undefined || !(error instanceof BackendError)) throw error;
    return createWasmBackend(options);
  });
  const major = Number(process.versions.node.split(".")[0]);
  if (options.variant === "auto" && major < nodeOfWideKernels)
    output.message(
      `Node ${process.versions.node}: Node ${nodeOfWideKernels} or later has wider kernels and trains faster`,
    );
  return backend;
}

/** The first Node whose V8 joins 128-bit operations into 256-bit ones. */
const nodeOfWideKernels = 24;
