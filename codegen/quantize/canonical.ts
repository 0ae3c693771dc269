import type { Attributes } from "../../engine/ops/vocabulary.ts";
import type { InferenceGraph, Layer, Weights } from "../../engine/plan/inference.ts";
import { elementCount, sameShape } from "../../engine/shape.ts";

/**
 * A layer of an op that has no integers as the same layer of one that has them, where there is such a one: imported
 * networks write sums and products with constants, class tokens and means over pixels in general ops.
 */
export function canonicalLayer(layer: Layer, network: InferenceGraph): Layer {
  switch (layer.op) {
    case "binary":
      return binary(layer as Layer<"binary">, network);
    case "gather":
      return gather(layer as Layer<"gather">, network);
    case "reduce":
      return reduce(layer as Layer<"reduce">, network);
    default:
      return layer;
  }
}

function binary(layer: Layer<"binary">, { values }: InferenceGraph): Layer {
  const { kind } = layer.attributes;
  const [operand] = layer.weights;
  const { shape } = values[layer.output];
  const whole = [...layer.inputs.map((id) => values[id]), ...layer.weights].every((each) =>
    sameShape(each.shape, shape),
  );
  if (whole && (kind === "add" || kind === "multiply")) return { ...layer, op: kind, attributes: {} };
  const channels = shape.at(-1)!;
  const perChannel =
    operand !== undefined &&
    sameShape(values[layer.inputs[0]].shape, shape) &&
    elementCount(operand.shape) === operand.shape.at(-1) &&
    [1, channels].includes(operand.shape.at(-1)!);
  if (!perChannel) return layer;
  const vector = (value: (constant: number) => number): Weights => ({
    name: operand.name,
    shape: [channels],
    values: () => {
      const constants = operand.values();
      return Float32Array.from({ length: channels }, (_, c) => value(constants[constants.length === 1 ? 0 : c]));
    },
  });
  /** A batch norm of mean 0 and variance 1. */
  const scaled = (gamma: Weights): Layer => ({
    ...layer,
    op: "batchNorm",
    attributes: { epsilon: 0 },
    weights: [vector(() => 0), vector(() => 1), gamma],
  });
  switch (kind) {
    case "add":
      return { ...layer, op: "bias", attributes: {}, weights: [vector((x) => x)] };
    case "subtract":
      return { ...layer, op: "bias", attributes: {}, weights: [vector((x) => -x)] };
    case "multiply":
      return scaled(vector((x) => x));
    case "divide":
      return scaled(vector((x) => 1 / x));
    default:
      return layer;
  }
}

/** Cells that lie beside each other are a slice. */
function gather(layer: Layer<"gather">, { values }: InferenceGraph): Layer {
  const { axis, indices } = layer.attributes;
  if (indices.some((index, at) => index !== indices[0] + at)) return layer;
  const attributes: Attributes<"slice"> = {
    start: values[layer.output].shape.map((_, each) => (each === axis ? indices[0] : 0)),
    size: values[layer.output].shape,
  };
  return { ...layer, op: "slice", attributes };
}

/** A mean over everything but batch and channels. */
function reduce(layer: Layer<"reduce">, { values }: InferenceGraph): Layer {
  const { kind, axes } = layer.attributes;
  const { shape } = values[layer.inputs[0]];
  const between = shape.length - 2;
  const all = axes.length === between && axes.every((axis) => axis > 0 && axis <= between);
  return kind === "mean" && all && between > 0 ? { ...layer, op: "globalAveragePool", attributes: {} } : layer;
}
