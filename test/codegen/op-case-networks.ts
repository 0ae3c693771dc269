import { buildGraph } from "../../engine/graph.ts";
import { macRules } from "../../engine/plan/macs.ts";
import { lowerGraph } from "../../engine/plan/lower.ts";
import { sameShape } from "../../engine/shape.ts";
import { constant, input, type OpNode } from "../../engine/record.ts";
import type { InferenceOp } from "../../engine/ops/vocabulary.ts";
import { caseValues, type OpCase } from "../op-cases/case.ts";
import { opCases } from "../op-cases/index.ts";
import type { NetworkCase } from "./graphs.ts";

const deployable: ReadonlySet<string> = new Set(Object.keys(macRules));

/** Cases whose inputs are all activations. */
const betweenActivations = /^(attention|linearAttention|add|multiply|binary|concat)/;

export interface OpCaseNetwork extends NetworkCase {
  readonly ops: ReadonlySet<InferenceOp>;
}

/** The case as a network of one image: its first input is fed; others are made from it or are trained constants. */
function networkOf(opCase: OpCase): OpCaseNetwork | undefined {
  const [first, ...others] = opCase.inputs;
  if (first === undefined || opCase.bench || first.shape[0] !== 1 || first.shape.length < 2) return undefined;
  const x = input("images", first.shape);
  const rest = others.map(({ shape }, index) =>
    betweenActivations.test(opCase.name) && sameShape(shape, first.shape)
      ? x.scale(0.9 ** (index + 1))
      : constant(caseValues(opCase, index + 1), shape),
  );
  const graph = buildGraph({ y: opCase.build([x, ...rest])[0]! });
  const isDeployable = (node: OpNode): boolean => deployable.has(node.op);
  if (graph.ops.length === 0 || graph.inputs.length !== 1 || !graph.ops.every(isDeployable)) return undefined;
  return {
    name: opCase.name,
    graph: lowerGraph(graph, (slot) => slot.initial()),
    image: caseValues(opCase, 0),
    ops: new Set(graph.ops.map((node) => node.op as InferenceOp)),
  };
}

/** Every op case that a deployed network can hold, so that a new case reaches C and ONNX by itself. */
export function opCaseNetworks(): OpCaseNetwork[] {
  return Object.values(opCases)
    .flat()
    .flatMap((opCase) => networkOf(opCase) ?? []);
}

export const deployableOps = [...deployable] as InferenceOp[];
