import type { InferenceOp } from "../../ops/vocabulary.ts";
import { recordOne } from "../../record.ts";
import type { Shape } from "../../shape.ts";
import type { InferenceGraph, Layer, ValueId, Weights } from "../inference.ts";
import { expectConstantsLast } from "../operands.ts";
import type { Pass } from "./pass.ts";

/** Computes one op of known operands, as `computeOp` of the reference back end does. */
export type ComputeOp = (
  op: InferenceOp,
  attributes: Layer["attributes"],
  operands: readonly { readonly shape: Shape; readonly values: Float32Array }[],
  shape: Shape,
) => Float32Array;

/** Computes layers that do not depend on the image once, when their values are asked for: their results are weights. */
export function constantFolding(compute: ComputeOp): Pass {
  return {
    name: "constant folding",
    run: (graph) => {
      const known = new Map<ValueId, Weights>();
      const layers: Layer[] = [];
      for (const before of graph.layers) {
        const layer = withKnown(before, known);
        if (layer.inputs.length === 0 && layer.output !== graph.output)
          known.set(layer.output, result(graph, layer, compute));
        else layers.push(layer);
      }
      return known.size === 0 ? graph : { ...graph, layers };
    },
  };
}

/** A layer whose known inputs are weights, which follow the others. @throws ShapeError where their order counts */
function withKnown(layer: Layer, known: ReadonlyMap<ValueId, Weights>): Layer {
  const constants = layer.inputs.flatMap((id) => known.get(id) ?? []);
  if (constants.length === 0) return layer;
  expectConstantsLast(
    layer,
    layer.inputs.map((id) => known.has(id)),
  );
  const inputs = layer.inputs.filter((id) => !known.has(id));
  return { ...layer, inputs, weights: [...constants, ...layer.weights] };
}

function result({ values }: InferenceGraph, layer: Layer, compute: ComputeOp): Weights {
  const { name, op, attributes, weights, output } = layer;
  const { shape } = values[output]!;
  let cells: Float32Array | undefined;
  const operands = (): { shape: Shape; values: Float32Array }[] =>
    weights.map((table) => ({ shape: table.shape, values: table.values() }));
  const inGraph = weights.every(({ tensor }) => tensor !== undefined);
  return {
    name: `${name}.${op}`,
    shape,
    values: () => (cells ??= compute(op, attributes, operands(), shape)),
    ...(inGraph && {
      tensor: () =>
        recordOne(
          op,
          weights.map(({ tensor }) => tensor!()),
          attributes,
        ),
    }),
  };
}
