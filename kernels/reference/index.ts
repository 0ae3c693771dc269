import type { Backend } from "../../engine/backend.ts";
import type { Graph } from "../../engine/graph.ts";
import { compileReference, type Precision, type ReferenceProgram } from "./program.ts";

export { computeOp } from "./compute-op.ts";
export type { Floats } from "./floats.ts";
export type { Precision, ReferenceProgram } from "./program.ts";

export interface ReferenceBackend extends Backend {
  compile(graph: Graph): Promise<ReferenceProgram>;
}

export interface ReferenceOptions {
  /** Default float32. float64 is for gradient checks. */
  readonly precision?: Precision;
}

/** The oracle that every other back end is compared with: plain loops over typed arrays, one thread. */
export function createReferenceBackend({ precision = "float32" }: ReferenceOptions = {}): ReferenceBackend {
  return {
    name: "reference",
    variant: precision,
    threads: 1,
    profile: { id: `reference-${precision}` },
    compile: async (graph) => compileReference(graph, precision),
    dispose: async () => {},
  };
}
