import type { InferenceGraph, Layer, Weights } from "../../engine/plan/inference.ts";
import { largestWeights, realWeights, roundWeights } from "./weights.ts";

/** Weights of which int8 cells ship, with a scale for each output channel. */
export interface Int8Weights extends Weights {
  readonly int8: () => { readonly cells: Int8Array; readonly scales: Float32Array };
}

export function isInt8(weights: Weights): weights is Int8Weights {
  return "int8" in weights;
}

/** Ops whose first weights are products' factors: what takes nearly all of the flash. */
const weighted = new Set(["conv2d", "depthwiseConv2d", "matmul"]);

/**
 * The network with its weights rounded to 255 steps for each output channel (docs/int8.md): arithmetic in float32, a
 * quarter of the flash. Biases and everything else stay as they are, and so do weights that are rounded already.
 */
export function roundNetworkWeights(network: InferenceGraph): InferenceGraph {
  return { ...network, layers: network.layers.map(roundLayerWeights) };
}

function roundLayerWeights(layer: Layer): Layer {
  const [weights, ...rest] = layer.weights;
  if (!weighted.has(layer.op) || weights === undefined || isInt8(weights)) return layer;
  let made: ReturnType<Int8Weights["int8"]> | undefined;
  const int8 = (): ReturnType<Int8Weights["int8"]> => {
    if (made !== undefined) return made;
    const scales = Float32Array.from(largestWeights(layer), (largest) => largest / 127 || 1);
    made = { cells: roundWeights(layer, scales), scales };
    return made;
  };
  const rounded: Int8Weights = {
    ...weights,
    int8,
    values: () => realWeights(layer, int8().cells, int8().scales),
  };
  return { ...layer, weights: [rounded, ...rest] };
}
