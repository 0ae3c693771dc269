import type { ImportNode } from "../model.ts";
import { floatAttribute, type NodeGraph, type Pattern } from "../pattern.ts";

/** What a mean over the last axis, which stays, is the mean of. */
function lastMean(graph: NodeGraph, name: string | undefined): string | undefined {
  const mean = graph.producer(name, "ReduceMean");
  const [x, input] = mean?.inputs ?? [];
  if (mean === undefined || x === undefined || (mean.attributes.get("keepdims")?.i ?? 1n) !== 1n) return undefined;
  const known = input === undefined ? undefined : graph.values.get(input);
  const given = known?.kind === "static" ? Array.from(known.data) : mean.attributes.get("axes")?.ints.map(Number);
  const rank = graph.shape(x)?.length;
  return given?.length === 1 && rank !== undefined && (given[0] === -1 || given[0] === rank - 1) ? x : undefined;
}

/** d of d² */
function rootOfSquare(graph: NodeGraph, name: string | undefined): string | undefined {
  const square = graph.producer(name, "Pow", "Mul");
  const [a, b] = square?.inputs ?? [];
  if (square?.opType === "Pow") return graph.number(b) === 2 ? a : undefined;
  return a === b ? a : undefined;
}

/** (x − mean) / √(mean((x − mean)²) + ε); exporters may compute the difference twice. */
export const layerNorm: Pattern = (node, graph) => {
  if (node.opType !== "Div") return undefined;
  const difference = graph.producer(node.inputs[0], "Sub");
  const root = graph.producer(node.inputs[1], "Sqrt");
  const shifted = graph.withNumber(graph.producer(root?.inputs[0], "Add"));
  const other = graph.producer(rootOfSquare(graph, lastMean(graph, shifted?.x)), "Sub");
  const x = difference?.inputs[0];
  if (x === undefined || shifted === undefined || other?.inputs[0] !== x) return undefined;
  if (lastMean(graph, difference?.inputs[1]) !== x || lastMean(graph, other.inputs[1]) !== x) return undefined;
  return {
    opType: "LayerNormalization",
    inputs: [x],
    attributes: new Map([["epsilon", floatAttribute("epsilon", shifted.number)]]),
  };
};

/** A layer norm without affine terms, times gamma and plus beta. */
export const layerNormScale: Pattern = (node, graph) => {
  if (node.opType !== "Add") return undefined;
  for (const [from, beta] of [node.inputs, node.inputs.toReversed()] as [string, string][]) {
    const product = graph.uses(from) === 1 ? graph.producer(from, "Mul") : undefined;
    const factors = product?.inputs ?? [];
    for (const [normalized, gamma] of [factors, factors.toReversed()] as [string?, string?][]) {
      const norm = graph.producer(normalized, "LayerNormalization");
      if (norm?.inputs.length !== 1 || graph.uses(normalized!) !== 1) continue;
      if (isVector(norm, gamma, graph) && isVector(norm, beta, graph))
        return { opType: norm.opType, inputs: [norm.inputs[0]!, gamma!, beta], attributes: norm.attributes };
    }
  }
  return undefined;
};

function isVector(norm: ImportNode, name: string | undefined, graph: NodeGraph): boolean {
  const channels = graph.shape(norm.inputs[0]!)?.at(-1);
  return name !== undefined && graph.isConstant(name) && graph.shape(name)?.join() === String(channels);
}
