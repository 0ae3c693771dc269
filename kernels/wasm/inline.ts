import { BackendError } from "../../engine/errors.ts";
import type { Heap } from "./heap.ts";
import type { Runner } from "./program.ts";

/** What a module exports. */
export interface KernelExports {
  readonly run: (program: number, thread: number, threads: number) => void;
}

export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): KernelExports {
  const abort = (): never => {
    throw new Error("abort");
  };
  const now = (): number => performance.timeOrigin + performance.now();
  return new WebAssembly.Instance(module, { env: { memory, abort, now } }).exports as unknown as KernelExports;
}

/** Runs programs on the calling thread, alone. */
export function inlineRunner(module: WebAssembly.Module, heap: Heap): Runner {
  const { run } = instantiate(module, heap.memory);
  return {
    threads: 1,
    execute: async (program) => {
      try {
        run(program, 0, 1);
      } catch (error) {
        throw new BackendError(`wasm: a kernel failed: ${String(error)}`);
      }
    },
    dispose: async () => undefined,
  };
}
