import type { Backend } from "../../engine/backend.ts";
import type { InferenceGraph } from "../../engine/plan/inference.ts";
import { chooseRange, type Histogram, type Range, type RangeMethod } from "./histogram.ts";
import { observe } from "./observe.ts";
import type { Ranged } from "./ranges.ts";

export interface CalibrationOptions {
  readonly backend: Backend;
  /** How ranges are chosen. Default min-max. */
  readonly method?: RangeMethod;
  /** The fraction of values that `percentile` leaves out at each end. Default 1e-4. */
  readonly outside?: number;
}

/**
 * Gives every tensor of a network its range, from what it takes for calibration images.
 * @param images normalised, as the network takes them
 * @throws ConfigError without images, or when the network gives values that are not finite
 */
export async function calibrate(
  network: InferenceGraph,
  images: readonly Float32Array[],
  { backend, method = "min-max", outside = 1e-4 }: CalibrationOptions,
): Promise<Ranged> {
  const { values, stages, means } = await observe(network, images, backend);
  // Bytes fill the range of the input; there is nothing to gain from cutting it.
  const rangeOf = (id: number, histogram: Histogram): Range =>
    id === network.input ? histogram : chooseRange(histogram, method, outside);
  return {
    network,
    means,
    values: new Map([...values].map(([id, histogram]) => [id, rangeOf(id, histogram)])),
    stages: new Map(
      [...stages].map(([id, histograms]) => [id, histograms.map((each) => chooseRange(each, method, outside))]),
    ),
  };
}
