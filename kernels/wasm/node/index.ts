import { readFile } from "node:fs/promises";
import { setFlagsFromString } from "node:v8";
import { BackendError } from "../../../engine/errors.ts";
import { WasmBackend } from "../backend.ts";
import { Heap } from "../heap.ts";
import { inlineRunner } from "../inline.ts";
import { moduleFiles, type Variant } from "../variants.ts";

export interface WasmOptions {
  /** Default: the number of cores that this process may use. */
  readonly threads?: number;
  readonly variant?: Variant | "auto";
  /** Run on the calling thread, single-threaded, without a worker. */
  readonly inline?: boolean;
}

const modules = new Map<string, Promise<WebAssembly.Module>>();

function loadModule(file: string): Promise<WebAssembly.Module> {
  let module = modules.get(file);
  if (module === undefined) {
    setFlagsFromString("--experimental-wasm-revectorize");
    module = readFile(new URL(`../${file}`, import.meta.url)).then(
      (bytes) => WebAssembly.compile(bytes),
      () => Promise.reject(new BackendError(`wasm: ${file} is not built: run npm run build:kernels`)),
    );
    modules.set(file, module);
  }
  return module;
}

/** @throws BackendError when the variant asked for is not available here */
export async function createWasmBackend(options: WasmOptions = {}): Promise<WasmBackend> {
  const variant = options.variant === undefined || options.variant === "auto" ? "wide" : options.variant;
  const heap = new Heap();
  const module = await loadModule(moduleFiles[variant]);
  return new WasmBackend(variant, heap, inlineRunner(module, heap));
}
