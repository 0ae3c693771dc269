import type { ImportNode } from "../model.ts";
import { floatAttribute, type NodeGraph, type Pattern } from "../pattern.ts";

/** What stands for scaled dot-product attention; no operator of ONNX. Its keys are transposed as those of the product. */
export const fusedAttention = "finch.Attention";

/** What is multiplied with a number, and that number; 1 where nothing is. */
function scaled(graph: NodeGraph, name: string): { readonly x: string; readonly factor: number } {
  const node = graph.producer(name, "Mul", "Div");
  const by = graph.withNumber(node);
  if (by === undefined) return { x: name, factor: 1 };
  return { x: by.x, factor: node?.opType === "Div" ? 1 / by.number : by.number };
}

/** The Softmax over the last axis that gives a value, perhaps through a Dropout. */
function softmaxOf(graph: NodeGraph, name: string): ImportNode | undefined {
  const through = graph.producer(name, "Dropout", "Identity")?.inputs[0] ?? name;
  const softmax = graph.producer(through, "Softmax");
  const axis = softmax?.attributes.get("axis")?.i;
  const rank = graph.shape(through)?.length ?? 0;
  return axis === undefined || axis === -1n || Number(axis) === rank - 1 ? softmax : undefined;
}

/**
 * softmax(scale · Q Kᵀ) V of [n,heads,tokens,d] or [heads,tokens,d], with the scale before or behind the product, on
 * one side or on both. Queries, keys and values must be as many and as wide.
 */
export const attention: Pattern = (node, graph) => {
  if (node.opType !== "MatMul") return undefined;
  const [weights, v] = node.inputs as [string, string];
  const softmax = softmaxOf(graph, weights);
  if (softmax === undefined) return undefined;
  const scores = scaled(graph, softmax.inputs[0]!);
  const product = graph.producer(scores.x, "MatMul");
  if (product === undefined) return undefined;
  const q = scaled(graph, product.inputs[0]!);
  const keys = scaled(graph, product.inputs[1]!);
  if ([q.x, keys.x, v].some((name) => graph.isConstant(name))) return undefined;
  const shape = graph.shape(v);
  const rank = shape?.length ?? 0;
  if (shape === undefined || (rank !== 3 && rank !== 4) || (rank === 4 && shape[0] !== 1)) return undefined;
  const turned = [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!];
  if (graph.shape(q.x)?.join() !== shape.join() || graph.shape(keys.x)?.join() !== turned.join()) return undefined;
  const factor = scores.factor * q.factor * keys.factor;
  return {
    opType: fusedAttention,
    inputs: [q.x, keys.x, v],
    attributes: new Map([["scale", floatAttribute("scale", factor)]]),
  };
};
