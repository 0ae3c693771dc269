import { type CodegenNetwork, generate } from "../index.ts";
import type { Plan } from "../schedule.ts";
import { exportOnnx } from "../onnx/export.ts";
import { verify, type VerifyRequest, type VerifyRow } from "./verify.ts";

export interface VerifyNetworkRequest extends Omit<VerifyRequest, "generate" | "onnx"> {
  readonly network: CodegenNetwork;
  /** What the C shall be best at. Default: as `generate`. */
  readonly plan?: Plan;
  readonly ram?: number;
}

/**
 * `verify` of a network's own C: generates it for every target, exports the ONNX that the other references need, and
 * compares. What the reference back end gives for the images is the caller's to compute.
 */
export async function verifyNetwork({
  network,
  plan = "default",
  ram,
  ...request
}: VerifyNetworkRequest): Promise<VerifyRow[]> {
  const foreign = request.against.some((reference) => reference !== "engine");
  return verify({
    ...request,
    generate: (target) =>
      generate(network, { target, precision: "float32", plan, ...(ram === undefined ? {} : { ram }) }),
    ...(foreign ? { onnx: exportOnnx(network.graph, network) } : {}),
  });
}
