import type { InferenceGraph } from "../inference.ts";
import { aliases } from "./aliases.ts";
import { batchNorms } from "./batch-norms.ts";
import { constantFolding, type ComputeOp } from "./constant-folding.ts";
import { deadCode } from "./dead-code.ts";
import { depthwise } from "./depthwise.ts";
import { epilogues } from "./epilogues.ts";
import { identities } from "./identities.ts";
import { names } from "./names.ts";
import type { Pass } from "./pass.ts";
import { splitProducts } from "./split-products.ts";

const passes: readonly Pass[] = [depthwise, splitProducts, identities, aliases, batchNorms, epilogues, deadCode, names];

/** Told of the network after each pass. */
type PassObserver = (pass: string, graph: InferenceGraph) => void;

export interface PassOptions {
  /** Told of the network as it was recorded and after each pass. */
  readonly observe?: PassObserver;
  /** Computes layers that do not depend on the image. Default: they stay layers, which C cannot have. */
  readonly compute?: ComputeOp;
}

/** From what was recorded to what is deployed. */
export function runPasses(recorded: InferenceGraph, { observe, compute }: PassOptions = {}): InferenceGraph {
  observe?.("as recorded", recorded);
  const all = compute === undefined ? passes : [constantFolding(compute), ...passes];
  return all.reduce((graph, { name, run }) => {
    const next = run(graph);
    observe?.(name, next);
    return next;
  }, recorded);
}
