import type { InferenceGraph, Layer, ValueId } from "../../engine/plan/inference.ts";
import type { Range } from "./histogram.ts";

/** A float network with the range that each of its tensors is given. */
export interface Ranged {
  readonly network: InferenceGraph;
  readonly values: ReadonlyMap<ValueId, Range>;
  /** By the layer's output: of the result of its op, then of each step of its epilogue. */
  readonly stages: ReadonlyMap<ValueId, readonly Range[]>;
  /** Means of each channel of a value: biases make up for what rounded weights change of these. Without them they do not. */
  readonly means?: ReadonlyMap<ValueId, Float64Array>;
}

/**
 * The same network with the steps of a layer's epilogue from `step` on as a layer of their own, so that what it gives
 * before them is a value.
 */
export function splitEpilogue(ranged: Ranged, layer: Layer, step: number): Ranged {
  const { network, values, stages } = ranged;
  const [next, ...rest] = layer.epilogue.slice(step);
  const output = network.values[layer.output];
  const before = { id: network.values.length, name: `${output.name}.before.${next.kind}`, shape: output.shape };
  const first: Layer = { ...layer, output: before.id, epilogue: layer.epilogue.slice(0, step) };
  const second: Layer = {
    name: `${layer.name}.${next.kind}${step}`,
    op: next.kind,
    inputs: next.kind === "add" ? [before.id, next.value] : [before.id],
    output: layer.output,
    attributes: next.kind === "unary" ? next.attributes : {},
    weights: next.kind === "bias" ? [next.weights] : [],
    epilogue: rest,
  };
  const taken = stages.get(layer.output)!;
  return {
    ...ranged,
    network: {
      ...network,
      values: [...network.values, before],
      layers: network.layers.flatMap((each) => (each === layer ? [first, second] : [each])),
    },
    values: new Map([...values, [before.id, taken[step]]]),
    stages: new Map([...stages, [before.id, taken.slice(0, step + 1)], [layer.output, taken.slice(step + 1)]]),
  };
}
