import { accumulate, derivatives, type Derivative } from "./derivatives.ts";
import { ShapeError } from "./errors.ts";
import type { OpName } from "./ops/vocabulary.ts";
import { scalar, type GraphNode, type OpNode } from "./record.ts";
import { formatShape } from "./shape.ts";
import { Tensor } from "./tensor.ts";

/**
 * Records the gradients of a scalar with respect to some tensors: reverse-mode differentiation as a transform of the
 * graph, one derivative rule per op.
 * @throws ShapeError when `loss` is not a scalar, does not depend on a tensor, or passes an op without derivative
 */
export function grad(loss: Tensor, of: readonly Tensor[]): Tensor[] {
  if (loss.shape.length !== 0) throw new ShapeError(`grad: the loss must be a scalar, got ${formatShape(loss.shape)}`);
  const needed = dependents(loss, new Set(of.map((tensor) => tensor.node)));
  const gradients = new Map<GraphNode, (Tensor | undefined)[]>();
  const accumulateInto = (tensor: Tensor, term: Tensor): void => {
    const outputs = gradients.get(tensor.node) ?? [];
    outputs[tensor.output] = accumulate(outputs[tensor.output], term);
    gradients.set(tensor.node, outputs);
  };
  accumulateInto(loss, scalar(1));

  for (const node of [...needed].sort((a, b) => b.id - a.id)) {
    const [dy, ...others] = gradients.get(node) ?? [];
    if (node.kind !== "op" || (dy === undefined && others.length === 0)) continue;
    if (others.some((other) => other !== undefined) || dy === undefined)
      throw new ShapeError(`grad: only the first output of ${node.op} has a derivative`);
    inputGradients(node, dy).forEach((term, index) => {
      const tensor = node.inputs[index]!;
      if (term !== undefined && needed.has(tensor.node)) accumulateInto(tensor, term);
    });
  }
  return of.map((tensor) => {
    const gradient = gradients.get(tensor.node)?.[tensor.output];
    if (gradient === undefined)
      throw new ShapeError(`grad: the loss does not depend on a tensor of shape ${formatShape(tensor.shape)}`);
    return gradient;
  });
}

function inputGradients(node: OpNode, dy: Tensor): readonly (Tensor | undefined)[] {
  const rule = derivatives[node.op];
  if ("unsupported" in rule) throw new ShapeError(`grad: ${node.op} has no derivative: ${rule.unsupported}`);
  const y = node.shapes.map((_, output) => new Tensor(node, output));
  return (rule as Derivative<OpName>)({ x: node.inputs, y, dy, attributes: node.attributes });
}

/** Nodes below `loss` that depend on one of `sources`, these included. */
function dependents(loss: Tensor, sources: ReadonlySet<GraphNode>): Set<GraphNode> {
  const answers = new Map<GraphNode, boolean>();
  const order: GraphNode[] = [];
  const pending = [loss.node];
  const seen = new Set(pending);
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    order.push(node);
    if (node.kind === "op")
      for (const { node: before } of node.inputs)
        if (!seen.has(before)) {
          seen.add(before);
          pending.push(before);
        }
  }
  for (const node of order.sort((a, b) => a.id - b.id))
    answers.set(
      node,
      sources.has(node) || (node.kind === "op" && node.inputs.some((tensor) => answers.get(tensor.node) === true)),
    );
  return new Set(order.filter((node) => answers.get(node)));
}
