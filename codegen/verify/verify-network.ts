import type { Backend } from "../../engine/backend.ts";
import { ConfigError } from "../../engine/errors.ts";
import { type Precision, withWeightsOf } from "../arithmetic.ts";
import type { Cells } from "../element.ts";
import { type CodegenNetwork, createInterpreter, generate } from "../index.ts";
import { exportOnnx } from "../onnx/export.ts";
import type { QuantizedGraph } from "../quantize/graph.ts";
import { roundCells } from "../quantize/rows.ts";
import type { Plan } from "../schedule.ts";
import type { Tuning } from "../tune/choices.ts";
import type { VerifyTarget } from "./targets.ts";
import { verify, type VerifyRequest, type VerifyRow } from "./verify.ts";

export interface VerifyNetworkRequest extends Omit<VerifyRequest, "generate" | "onnx" | "images"> {
  readonly network: CodegenNetwork;
  /** Default float32. */
  readonly precision?: Precision;
  /** Runs layers that a network in integers keeps in float32. */
  readonly backend?: Backend;
  /** What the C shall be best at. Default: as `generate`. */
  readonly plan?: Plan;
  readonly ram?: number;
  /** How kernels are written, by target. Default: by estimate. */
  readonly tunings?: ReadonlyMap<VerifyTarget, Tuning>;
  /** Each [height, width, channels] in float32, normalised as the network was trained. */
  readonly images: readonly Float32Array[];
}

/**
 * `verify` of a network's own C: generates it for every target, exports the ONNX that the other references need, and
 * compares. What the reference back end gives for the images is the caller's to compute, with weights in int8 from the
 * network with its weights rounded; a network in integers is compared with their interpreter.
 * @throws ConfigError for a network in integers that has none, or against other references
 */
export async function verifyNetwork({
  network: given,
  precision = "float32",
  plan = "default",
  ram,
  tunings,
  backend,
  ...request
}: VerifyNetworkRequest): Promise<VerifyRow[]> {
  const network = { ...given, graph: withWeightsOf(precision, given.graph) };
  const foreign = request.against.some((reference) => reference !== "engine");
  return verify({
    ...request,
    generate: (target) => {
      const tuning = tunings?.get(target);
      return generate(network, {
        ...{ target, precision, plan },
        ...(ram === undefined ? {} : { ram }),
        ...(tuning && { tuning }),
      });
    },
    ...(precision === "int8" ? await integers(network.quantized, request.images, backend) : {}),
    ...(foreign ? { onnx: exportOnnx(network.graph, network) } : {}),
  });
}

/** Normalised images as a network in integers takes them. */
export function cellsOfImages({ values, input }: QuantizedGraph, images: readonly Float32Array[]): Cells[] {
  const { element } = values[input]!;
  return element.type === "int8" ? images.map((image) => roundCells(image, element)) : [...images];
}

async function integers(
  graph: QuantizedGraph | undefined,
  images: readonly Float32Array[],
  backend: Backend | undefined,
): Promise<Pick<VerifyRequest, "images" | "referenceOutputs">> {
  if (graph === undefined) throw new ConfigError("verify: int8 needs a quantised network");
  const cells = cellsOfImages(graph, images);
  const interpreter = await createInterpreter(graph, { ...(backend && { backend }) });
  const referenceOutputs: Cells[] = [];
  for (const image of cells) referenceOutputs.push((await interpreter.run(image)).slice());
  await interpreter.dispose();
  return { images: cells, referenceOutputs };
}
