import type { Graph } from "../engine/graph.ts";
import type { Attributes, OpName } from "../engine/ops/vocabulary.ts";
import type { GraphNode, OpNode } from "../engine/record.ts";
import { sameShape, type Pair, type Shape } from "../engine/shape.ts";

/** One way through a layer: forward, or a gradient of it. Ops that belong to no layer, such as updates, are their own. */
export interface LayerPass {
  /** The op of the forward pass, whatever the pass. */
  readonly op: OpName;
  readonly pass: string;
  /** Sizes without the batch: `3×3 24→24 at 32²`. Empty for updates of state, which are taken together. */
  readonly shape: string;
  /** What the names of its state begin with: `0.conv`; null for layers without state. */
  readonly name: string | null;
  /** Order in the network: layers first, each with its gradients, then all else. */
  readonly position: number;
}

const updates: ReadonlySet<OpName> = new Set([
  ...(["movingAverage", "exponentialMovingAverage", "sumOfSquares", "clipFactor", "adamW", "sgd"] as const),
]);

/** To which layer each op of a network belongs: gradients to the op that they are the gradient of. */
export function layerPasses(graph: Graph): ReadonlyMap<OpNode, LayerPass> {
  const forward = [...ancestors(Object.values(graph.outputs).map(({ node }) => node))].filter(isOp);
  forward.sort((a, b) => a.id - b.id);
  const positions = new Map(forward.map((node, index) => [node, index]));
  const taken = new Set<string>();
  const passes = new Map<OpNode, LayerPass>();
  for (const node of graph.ops) {
    if (positions.has(node)) {
      passes.set(node, { ...aboutLayer(node), pass: "forward", position: positions.get(node)! });
      continue;
    }
    const gradients = gradientsOf(node);
    // Derivatives are recorded from the last op to the first.
    const match = forward
      .toReversed()
      .flatMap((layer) => gradients.map(({ of, pass, ...rule }) => ({ layer, of, pass, rule })))
      .find(({ layer, of, pass, rule }) => {
        const fits = layer.op === of && sameShape(node.shapes[0]!, layer.inputs[rule.input]!.shape);
        return fits && !taken.has(`${layer.id} ${pass}`) && (!rule.shared || shares(node, layer));
      });
    if (match === undefined) {
      const [pass, shape] = updates.has(node.op) ? ["update", ""] : ["gradient", sizes(node)];
      passes.set(node, { op: node.op, pass, shape, name: null, position: forward.length });
      continue;
    }
    const { layer, pass } = match;
    taken.add(`${layer.id} ${pass}`);
    passes.set(node, { ...aboutLayer(layer), pass, position: positions.get(layer)! });
  }
  return passes;
}

interface Gradient {
  readonly of: OpName;
  readonly pass: string;
  /** The input that it is the gradient of. */
  readonly input: number;
  /** It reads something that the forward op reads or writes. */
  readonly shared: boolean;
}

/** Which gradients a node may be. */
function gradientsOf({ op, inputs }: OpNode): readonly Gradient[] {
  if (op === "matmul")
    return [
      { of: "matmul", pass: "input gradient", input: 0, shared: true },
      { of: "matmul", pass: "weight gradient", input: 1, shared: true },
    ];
  const [, of, what] = /^(.*?)(Input|Filter)?Gradient$/.exec(op) ?? [];
  if (of === undefined) return [];
  const pass = what === undefined ? "gradient" : `${what.toLowerCase()} gradient`;
  return [{ of: of as OpName, pass, input: what === "Filter" ? 1 : 0, shared: inputs.length > 1 }];
}

function shares({ inputs }: OpNode, layer: OpNode): boolean {
  return inputs.some(
    ({ node, output }) =>
      node === layer || layer.inputs.some((operand) => operand.node === node && operand.output === output),
  );
}

function isOp(node: GraphNode): node is OpNode {
  return node.kind === "op";
}

function ancestors(nodes: readonly GraphNode[]): Set<GraphNode> {
  const found = new Set(nodes);
  for (const node of found) if (isOp(node)) for (const tensor of node.inputs) found.add(tensor.node);
  return found;
}

function aboutLayer(node: OpNode): Pick<LayerPass, "op" | "shape" | "name"> {
  return { op: node.op, shape: sizes(node), name: stateName(node) };
}

/** Of the first operand that is state, or computed from state alone. */
function stateName({ inputs }: OpNode): string | null {
  for (const { node } of inputs.slice(1)) {
    const sources = [...ancestors([node])];
    const slot = sources.find((source) => source.kind === "slot");
    if (slot !== undefined && sources.every(({ kind }) => kind !== "input"))
      return slot.slot.name.replace(/\.[^.]*$/, "");
  }
  return null;
}

function sizes(node: OpNode): string {
  const [x, w] = node.inputs.map(({ shape }) => shape) as [Shape, Shape?];
  switch (node.op) {
    case "conv2d": {
      const { stride, dilation, groups } = node.attributes as Attributes<"conv2d">;
      const grouped = groups > 1 ? `, ${groups} groups` : "";
      return `${square(w!)} ${x[3]}→${w![3]} at ${area(x)}${strided(stride, dilation)}${grouped}`;
    }
    case "depthwiseConv2d": {
      const { stride, dilation } = node.attributes as Attributes<"depthwiseConv2d">;
      return `${square(w!)} ${x[3]} at ${area(x)}${strided(stride, dilation)}`;
    }
    case "maxPool":
    case "averagePool":
    case "mixPool": {
      const { kernel, stride } = node.attributes as Attributes<"maxPool">;
      return `${square(kernel)} ${x[3]} at ${area(x)}${strided(stride)}`;
    }
    case "matmul": {
      const { transposeA } = node.attributes as Attributes<"matmul">;
      return [...node.shapes[0]!.toSpliced(1, 0, transposeA ? x[0]! : x[1]!)].join("×");
    }
    case "attention":
    case "linearAttention": {
      const { heads } = node.attributes as Attributes<"attention">;
      return `${x[1]} tokens, ${heads} heads of ${x[2]! / heads}`;
    }
    default:
      return x.length === 4 ? `${x[3]} at ${area(x)}` : x.slice(1).join("×");
  }
}

const square = ([height, width]: Shape): string => `${height}×${width}`;
const area = ([, height, width]: Shape): string => (height === width ? `${height}²` : `${height}×${width}`);

function strided([height, width]: Pair, [spread]: Pair = [1, 1]): string {
  const stride = height === 1 && width === 1 ? "" : ` stride ${height === width ? height : `${height}×${width}`}`;
  return spread === 1 ? stride : `${stride} dilation ${spread}`;
}
