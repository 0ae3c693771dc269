import type { Layer, Weights } from "../../engine/plan/inference.ts";
import { isInt8 } from "../quantize/weight-only.ts";
import type { Unit } from "../unit.ts";

/** Trained weights as kernels read them. */
export interface StoredWeights {
  /** In C. A cell becomes a float where it is read: no kernel multiplies integers. */
  readonly type: "float" | "int8_t";
  readonly values: Float32Array | Int8Array;
}

/** The cells of weights in int8, of which epilogues take the scales; other weights as they are. */
export function storedWeights(weights: Weights): StoredWeights {
  return isInt8(weights)
    ? { type: "int8_t", values: weights.int8().cells }
    : { type: "float", values: weights.values() };
}

/** What a layer's weights and epilogue cost a kernel. */
export interface WeightPrices {
  /** Instructions that read a weight. */
  readonly read: number;
  /** Steps of the epilogue, that which makes sums of cells real among them. */
  readonly steps: number;
}

export function weightPrices({ weights: [weights], epilogue }: Layer): WeightPrices {
  const scaled = weights !== undefined && isInt8(weights);
  return scaled ? { read: 2, steps: epilogue.length + 1 } : { read: 1, steps: epilogue.length };
}

/** Puts the scales of a layer's weights into the unit; undefined for weights that are not in int8. */
export function scalesOf(unit: Unit, { weights: [weights] }: Layer): string | undefined {
  return weights !== undefined && isInt8(weights)
    ? unit.constant(`${weights.name}, scale of each channel`, weights.int8().scales)
    : undefined;
}
