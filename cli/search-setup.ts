import { arenaBytes } from "../codegen/generate.ts";
import type { Architecture } from "../engine/architecture.ts";
import { architectureCosts } from "../engine/plan/cost.ts";
import type { WasmOptions } from "../kernels/wasm/node/index.ts";
import type { Costs } from "../nas/costs.ts";
import type { BackendModule } from "../nas/runners/backend-module.ts";
import { count, percent } from "./output.ts";

/** What candidates are trained with: one per worker, single-threaded, inside the worker itself. */
export function workerBackend(
  options: Pick<WasmOptions, "variant" | "profile" | "maxActivationBytes"> = {},
): BackendModule {
  return {
    module: new URL("../kernels/wasm/node/index.ts", import.meta.url).href,
    factory: "createWasmBackend",
    options: { ...options, threads: 1, inline: true } satisfies WasmOptions,
  };
}

/** RAM is that of the C that will be generated: one planner for both. */
export function candidateCosts(architecture: Architecture): Costs {
  return architectureCosts(architecture, (network) => arenaBytes(network));
}

export interface CostRow {
  readonly id: string;
  readonly parameters: number;
  readonly macs: number;
  readonly peakRamBytes: number;
  readonly validationAccuracy: number;
}

export function costTableRow({ id, parameters, macs, peakRamBytes, validationAccuracy }: CostRow) {
  return {
    candidate: id,
    parameters: count(parameters),
    MACs: count(macs),
    "arena bytes": count(peakRamBytes),
    "validation accuracy": percent(validationAccuracy),
  };
}
