import type { Architecture } from "../architecture.ts";
import { Model } from "../model.ts";
import { elementCount } from "../shape.ts";
import type { InferenceGraph } from "./inference.ts";
import { deployedParameters, lowerModel } from "./lower.ts";
import { networkMacs } from "./macs.ts";

export interface NetworkCosts {
  /** Weights and biases after batch-norm folding: all that ship. */
  readonly parameters: number;
  /** Convolution and linear weights only. */
  readonly weights: number;
  /** Multiply-accumulates of one inference. */
  readonly macs: number;
  /** Bytes of the arena of activations, by the planner that the C code uses; planned when it is read first. */
  readonly peakRamBytes: number;
}

/** Convolution, depthwise and linear weights, biases and statistics left out. */
function weightCount(network: InferenceGraph): number {
  const weighted = network.layers.filter(({ op }) => op === "conv2d" || op === "depthwiseConv2d" || op === "matmul");
  return weighted.reduce((sum, { weights }) => sum + elementCount(weights[0]?.shape ?? [0]), 0);
}

/**
 * What an architecture costs, without running anything.
 * @param arenaBytes the memory plan of the code that will be generated
 * @throws ShapeError when the architecture cannot be built
 */
export function architectureCosts(
  architecture: Architecture,
  arenaBytes: (network: InferenceGraph) => number,
): NetworkCosts {
  const network = lowerModel(Model.fromArchitecture(architecture));
  let peakRamBytes: number | undefined;
  return {
    parameters: deployedParameters(network),
    weights: weightCount(network),
    macs: networkMacs(network),
    get peakRamBytes() {
      return (peakRamBytes ??= arenaBytes(network));
    },
  };
}
