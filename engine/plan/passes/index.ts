import type { InferenceGraph } from "../inference.ts";
import { batchNorms } from "./batch-norms.ts";
import { deadCode } from "./dead-code.ts";
import { depthwise } from "./depthwise.ts";
import { epilogues } from "./epilogues.ts";
import { identities } from "./identities.ts";
import { names } from "./names.ts";
import type { Pass } from "./pass.ts";

const passes: readonly Pass[] = [depthwise, identities, batchNorms, epilogues, deadCode, names];

/** Told of the network after each pass. */
export type PassObserver = (pass: string, graph: InferenceGraph) => void;

/** From what was recorded to what is deployed. */
export function runPasses(recorded: InferenceGraph, observe: PassObserver = () => undefined): InferenceGraph {
  observe("as recorded", recorded);
  return passes.reduce((graph, { name, run }) => {
    const next = run(graph);
    observe(name, next);
    return next;
  }, recorded);
}
