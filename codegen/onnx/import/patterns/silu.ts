import type { Pattern } from "../pattern.ts";

/** x · sigmoid(x) */
export const silu: Pattern = (node, graph) => {
  if (node.opType !== "Mul") return undefined;
  const [a, b] = node.inputs as [string, string];
  if (graph.producer(b, "Sigmoid")?.inputs[0] === a) return { opType: "Swish", inputs: [a] };
  if (graph.producer(a, "Sigmoid")?.inputs[0] === b) return { opType: "Swish", inputs: [b] };
  return undefined;
};
