import type { Backend } from "../../engine/backend.ts";
import { RunnerError } from "../runner.ts";

/** Where a worker finds its back end: a function of a module that makes one from options. */
export interface BackendModule {
  /** URL of the module. */
  readonly module: string;
  /** Name of the exported function. */
  readonly factory: string;
  /** Its argument; must survive structured cloning. */
  readonly options?: unknown;
}

/** @throws RunnerError when the module cannot be loaded, has no such function, or that fails */
export async function createBackend({ module, factory, options }: BackendModule): Promise<Backend> {
  try {
    const loaded = (await import(module)) as Record<string, unknown>;
    const create = loaded[factory];
    if (typeof create !== "function") throw new RunnerError(`exports no function ${factory}`);
    return await (create as (options: unknown) => Promise<Backend> | Backend)(options);
  } catch (error) {
    throw new RunnerError(`back end ${module}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
