import type { Backend } from "../../engine/backend.ts";
import { ConfigError } from "../../engine/errors.ts";
import { type Precision, withWeightsOf } from "../arithmetic.ts";
import { type CodegenNetwork, generate } from "../generate.ts";
import { exportOnnx } from "../onnx/export.ts";
import type { QuantizedGraph } from "../quantize/graph.ts";
import { inputOfImage } from "../quantize/inputs.ts";
import { interpret } from "../quantize/interpreter/interpret.ts";
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

async function integers(
  graph: QuantizedGraph | undefined,
  images: readonly Float32Array[],
  backend: Backend | undefined,
): Promise<Pick<VerifyRequest, "images" | "referenceOutputs">> {
  if (graph === undefined) throw new ConfigError("verify: int8 needs a quantised network");
  const cells = images.map(inputOfImage(graph));
  return { images: cells, referenceOutputs: await interpret(graph, cells, { backend }) };
}
