import type { ImportNode } from "../model.ts";
import { isNear, type NodeGraph, type Pattern } from "../pattern.ts";

/** The x of clip(x + 3, 0, 6). */
function clipped(graph: NodeGraph, name: string | undefined): string | undefined {
  const clip = graph.producer(name, "Clip");
  if (clip === undefined || graph.number(clip.inputs[1]) !== 0 || graph.number(clip.inputs[2]) !== 6) return undefined;
  const sum = graph.withNumber(graph.producer(clip.inputs[0], "Add"));
  return sum?.number === 3 ? sum.x : undefined;
}

function isSixth(node: ImportNode | undefined, number: number | undefined): boolean {
  return node?.opType === "Div" ? number === 6 : isNear(number, 1 / 6);
}

/** The operand of a hard sigmoid with slope 1/6. */
function gated(graph: NodeGraph, name: string): string | undefined {
  const gate = graph.producer(name, "HardSigmoid");
  if (gate !== undefined) {
    const [alpha, beta] = [gate.attributes.get("alpha")?.f ?? 0.2, gate.attributes.get("beta")?.f ?? 0.5];
    return isNear(alpha, 1 / 6) && isNear(beta, 0.5) ? gate.inputs[0] : undefined;
  }
  const scaled = graph.producer(name, "Div", "Mul");
  const by = graph.withNumber(scaled);
  return isSixth(scaled, by?.number) ? clipped(graph, by?.x) : undefined;
}

/** x · hardSigmoid(x), or x · clip(x + 3, 0, 6) / 6. */
export const hardSwish: Pattern = (node, graph) => {
  if (node.opType !== "Mul" && node.opType !== "Div") return undefined;
  const outer = graph.withNumber(node);
  const product = isSixth(node, outer?.number) ? graph.producer(outer?.x, "Mul") : undefined;
  for (const [x, gate] of bothWays(product))
    if (clipped(graph, gate) === x) return { opType: "HardSwish", inputs: [x] };
  for (const [x, gate] of bothWays(node.opType === "Mul" ? node : undefined))
    if (gated(graph, gate) === x) return { opType: "HardSwish", inputs: [x] };
  return undefined;
};

function bothWays(node: ImportNode | undefined): [string, string][] {
  const [a, b] = node?.inputs ?? [];
  return a === undefined || b === undefined
    ? []
    : [
        [a, b],
        [b, a],
      ];
}
