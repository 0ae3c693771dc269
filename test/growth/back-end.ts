import { createWasmBackend, type WasmBackend } from "../../kernels/wasm/node/index.ts";

/** The back end of this process, so that what it holds can be read while others work with it. */
export let backend: WasmBackend | undefined;

export async function openBackend(options: { readonly threads: number } | { readonly inline: true }) {
  return (backend = await createWasmBackend(options));
}
