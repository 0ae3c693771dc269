import { calibrate, quantizeNetwork, type QuantizedGraph } from "../../../codegen/index.ts";
import { roundCells } from "../../../codegen/quantize/rows.ts";
import type { Int8Element } from "../../../codegen/quantize/graph.ts";
import { Model } from "../../../engine/model.ts";
import { lowerModel } from "../../../engine/plan/lower.ts";
import { randomNormal } from "../../../engine/random.ts";
import { elementCount } from "../../../engine/shape.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { createSampler } from "../../../nas/sampler.ts";
import { presets } from "../../../nas/space/presets.ts";
import { countCosts } from "../../nas/networks.ts";
import { networkCases, type NetworkCase } from "../graphs.ts";
import type { IntegerCase } from "./networks.ts";

/** The network in integers, calibrated with an image; run on that and on images beyond its ranges. */
async function integerCase({ name, graph, image }: NetworkCase): Promise<IntegerCase> {
  const backend = createReferenceBackend();
  try {
    const quantized = quantizeNetwork(await calibrate(graph, [image], { backend }));
    const element = quantized.values[quantized.input]!.element as Int8Element;
    const scaled = [1, -0.6, 1.7].map((factor) => image.map((value) => factor * value));
    return { name, graph: quantized, images: scaled.map((each) => roundCells(each, element)) };
  } finally {
    await backend.dispose();
  }
}

/**
 * Networks as a search draws them, of both hybrid spaces in turn, for images of `size` pixels each way. They are not
 * trained: one whose values grow from layer to layer, so that no factor of its attention fits, is passed over.
 */
export async function hybridCases(count: number, size: number): Promise<IntegerCase[]> {
  const task = { input: [size, size, 3], classes: 10 } as const;
  const samplers = ["hybrid", "hybrid-extended"].map((name) =>
    createSampler(presets[name]!, task, countCosts, { limits: { macs: 2_000_000 } }),
  );
  const cases: IntegerCase[] = [];
  for (let key = 0; cases.length < count; key++) {
    const { architecture } = samplers[key % samplers.length]!.sample(new Set(), 83, key)!;
    const graph = lowerModel(Model.fromArchitecture(architecture));
    const length = elementCount(graph.values[graph.input]!.shape);
    const image = Float32Array.from({ length }, (_, i) => 0.05 * randomNormal(59, key, i));
    try {
      cases.push(await integerCase({ name: `hybrid ${key}`, graph, image }));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  return cases;
}

function isInteger({ layers }: QuantizedGraph): boolean {
  return layers.every(({ op }) => op !== "float32");
}

/** The networks that float C is tested with, in so far as integers can hold them. */
export async function quantizedCases(): Promise<IntegerCase[]> {
  const quantized = await Promise.all(networkCases().map(integerCase));
  return quantized.filter(({ graph }) => isInteger(graph));
}
