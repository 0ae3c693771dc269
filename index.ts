import { setDefaultBackend } from "./engine/index.ts";
import { createWasmBackend } from "./kernels/wasm/node/index.ts";

setDefaultBackend(() => createWasmBackend());

export * from "./engine/index.ts";
export { createReferenceBackend } from "./kernels/reference/index.ts";
export { createWasmBackend } from "./kernels/wasm/node/index.ts";
