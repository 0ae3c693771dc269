import type { Backend } from "../engine/backend.ts";
import { BackendError } from "../engine/errors.ts";
import { createReferenceBackend } from "../kernels/reference/index.ts";
import { createWasmBackend, type WasmOptions } from "../kernels/wasm/node/index.ts";
import type { Variant } from "../kernels/wasm/variants.ts";
import type { Output } from "./output.ts";

export interface BackendFlags {
  readonly backend: "auto" | "wasm" | "reference" | "gpu";
  readonly variant?: Variant | "auto";
  readonly threads?: number | undefined;
  /** Run on the calling thread, without a worker. Default false. */
  readonly inline?: boolean;
  /** Bytes of intermediate values that one program may keep. */
  readonly maxActivationMemory?: number | undefined;
}

/**
 * @param recorded numerics profile of the run that goes on; where it is not available, the newest is opened
 * @throws BackendError when the one asked for by name is not available
 */
export async function openBackend(
  { backend, variant = "auto", threads, inline = false, maxActivationMemory: maxActivationBytes }: BackendFlags,
  output: Output,
  recorded?: string,
): Promise<Backend> {
  switch (backend) {
    case "reference":
      if (maxActivationBytes !== undefined)
        throw new BackendError("reference: it has no limit of activation memory; give --backend wasm");
      return createReferenceBackend();
    case "wasm":
      return openWasm({ variant, threads, inline, maxActivationBytes }, recorded, output);
    case "gpu":
      throw new BackendError("gpu: this version trains on wasm or reference only; give --backend auto");
    case "auto":
      try {
        return await openWasm({ variant, threads, inline, maxActivationBytes }, recorded, output);
      } catch (error) {
        if (!(error instanceof BackendError) || variant !== "auto" || maxActivationBytes !== undefined) throw error;
        output.warn(`${error.message}; the slow reference back end runs instead`);
        return createReferenceBackend();
      }
  }
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
