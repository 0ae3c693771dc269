import type { Backend } from "../../engine/backend.ts";
import { predictedClass } from "../../engine/train/metrics.ts";
import { moves } from "./elements.ts";
import { interpretImages } from "./evaluate.ts";
import { floatGraph } from "./float-graph.ts";
import { quantizeNetwork } from "./quantize.ts";
import type { Ranged } from "./ranges.ts";

/** What the outputs lose when one layer alone is computed in integers. */
export interface Sensitivity {
  /** Of the layer, as `keepFloat` takes it. */
  readonly name: string;
  readonly op: string;
  /** Root of the mean square of the outputs' error over that of the outputs. */
  readonly error: number;
  /** Fraction of the images whose largest output is another one. */
  readonly changed: number;
}

/**
 * Computes one layer after the other in integers, all others in float32, and compares the outputs with those of the
 * float network: the most sensitive layer first. Layers that only move cells are left out.
 * @param images normalised, as the network takes them
 */
export async function measureSensitivity(
  ranged: Ranged,
  images: readonly Float32Array[],
  backend: Backend,
): Promise<Sensitivity[]> {
  const { layers } = ranged.network;
  const names = layers.map(({ name }) => name);
  const reference = await interpretImages(floatGraph(ranged.network), images, { backend });
  const rows: Sensitivity[] = [];
  for (const { name, op } of layers) {
    if (moves(op)) continue;
    const graph = quantizeNetwork(ranged, { keepFloat: names.filter((other) => other !== name) });
    rows.push({ name, op, ...compare(await interpretImages(graph, images, { backend }), reference) });
  }
  return rows.sort((a, b) => b.error - a.error);
}

function compare(
  outputs: readonly Float64Array[],
  reference: readonly Float64Array[],
): Pick<Sensitivity, "error" | "changed"> {
  let error = 0;
  let power = 0;
  let changed = 0;
  reference.forEach((expected, image) => {
    const got = outputs[image];
    expected.forEach((value, index) => {
      error += (got[index] - value) ** 2;
      power += value ** 2;
    });
    if (predictedClass(expected) !== predictedClass(got)) changed++;
  });
  return { error: Math.sqrt(error / (power || 1)), changed: changed / reference.length };
}
