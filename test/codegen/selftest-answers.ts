import {
  calibrate,
  type CodegenNetwork,
  quantizeNetwork,
  selftestCells,
  selftestInput,
  type SelftestVector,
} from "../../codegen/index.ts";
import { interpret } from "../../codegen/quantize/interpreter/interpret.ts";
import type { Normalization } from "../../engine/data/image-set.ts";
import type { InferenceGraph } from "../../engine/plan/inference.ts";
import { createReferenceBackend } from "../../kernels/reference/index.ts";
import { expected } from "./graphs.ts";

function inputsOf(graph: InferenceGraph, seeds: readonly number[], normalization?: Normalization): Float32Array[] {
  const shape = graph.values[graph.input]!.shape.slice(1);
  return seeds.map((seed) => selftestInput(seed, shape, normalization));
}

/** Vectors of a self-test with the answers of the engine. */
export async function answersOfEngine(
  graph: InferenceGraph,
  seeds: readonly number[],
  normalization?: Normalization,
): Promise<SelftestVector[]> {
  const images = inputsOf(graph, seeds, normalization);
  const answer = async (seed: number, index: number): Promise<SelftestVector> => ({
    seed,
    expected: await expected({ name: "selftest", graph, image: images[index]! }),
  });
  return Promise.all(seeds.map(answer));
}

/** A network in integers, all layers or all but those named, and vectors with the answers of their interpreter. */
export async function answersOfIntegers(
  graph: InferenceGraph,
  seeds: readonly number[],
  normalization?: Normalization,
  keepFloat: readonly string[] = [],
): Promise<Required<Pick<CodegenNetwork, "quantized" | "selftest">>> {
  const backend = createReferenceBackend();
  const ranged = await calibrate(graph, inputsOf(graph, seeds, normalization), { backend });
  const quantized = quantizeNetwork(ranged, { keepFloat });
  const inputs = seeds.map((seed) => selftestCells(seed, quantized, normalization));
  const answers = await interpret(quantized, inputs, { backend });
  return { quantized, selftest: seeds.map((seed, index) => ({ seed, expected: answers[index]! })) };
}
