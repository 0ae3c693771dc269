import { calibrate, quantizeNetwork, type QuantizedGraph } from "../../../codegen/index.ts";
import { roundCells } from "../../../codegen/quantize/rows.ts";
import type { Int8Element } from "../../../codegen/quantize/graph.ts";
import { createReferenceBackend } from "../../../kernels/reference/index.ts";
import { networkCases, type NetworkCase } from "../graphs.ts";
import { randomHybridCases } from "../random-hybrids.ts";
import type { IntegerCase } from "./networks.ts";

/** The network in integers, calibrated with an image; run on that and on images beyond its ranges. */
export async function integerCase({ name, graph, image }: NetworkCase): Promise<IntegerCase> {
  const backend = createReferenceBackend();
  try {
    const quantized = quantizeNetwork(await calibrate(graph, [image], { backend }));
    const element = quantized.values[quantized.input]!.element as Int8Element;
    const scaled = [1, -0.6, 1.7, 0.3, -3].map((factor) => image.map((value) => factor * value));
    return { name, graph: quantized, images: scaled.map((each) => roundCells(each, element)) };
  } finally {
    await backend.dispose();
  }
}

/** Networks as a search draws them, for images of `size` pixels each way. */
export function hybridCases(count: number, size: number): Promise<IntegerCase[]> {
  return Promise.all(randomHybridCases(count, size).map(integerCase));
}

function isInteger({ layers }: QuantizedGraph): boolean {
  return layers.every(({ op }) => op !== "float32");
}

/** The networks that float C is tested with, in so far as integers can hold them. */
export async function quantizedCases(): Promise<IntegerCase[]> {
  const quantized = await Promise.all(networkCases().map(integerCase));
  return quantized.filter(({ graph }) => isInteger(graph));
}
