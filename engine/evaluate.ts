import type { Backend } from "./backend.ts";
import { BackendError } from "./errors.ts";
import { buildGraph } from "./graph.ts";
import type { Tensor } from "./tensor.ts";

let provider: (() => Promise<Backend>) | undefined;

/** Chooses the back end of `Tensor.data()` and of everything that is not given one. The root export calls this. */
export function setDefaultBackend(create: () => Promise<Backend>): void {
  let backend: Promise<Backend> | undefined;
  provider = () => (backend ??= create());
}

/** @throws BackendError when none was set */
export function defaultBackend(): Promise<Backend> {
  if (provider === undefined)
    throw new BackendError(
      'no back end: import from "finch-nas", which brings one, or pass one of "finch-nas/kernels/reference" or "finch-nas/kernels/wasm"',
    );
  return provider();
}

export async function evaluate(tensor: Tensor, backend?: Backend): Promise<Float32Array> {
  const program = await (backend ?? (await defaultBackend())).compile(buildGraph({ value: tensor }));
  try {
    await program.run();
    return await program.read("value");
  } finally {
    await program.dispose();
  }
}
