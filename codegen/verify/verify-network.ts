import { type CodegenNetwork, generate } from "../index.ts";
import { exportOnnx } from "../onnx/export.ts";
import { verify, type VerifyRequest, type VerifyRow } from "./verify.ts";

export interface VerifyNetworkRequest extends Omit<VerifyRequest, "generate" | "onnx"> {
  readonly network: CodegenNetwork;
}

/**
 * `verify` of a network's own C: generates it for every target, exports the ONNX that the other references need, and
 * compares. What the reference back end gives for the images is the caller's to compute.
 */
export async function verifyNetwork({ network, ...request }: VerifyNetworkRequest): Promise<VerifyRow[]> {
  const foreign = request.against.some((reference) => reference !== "engine");
  return verify({
    ...request,
    generate: (target) => generate(network, { target, precision: "float32" }),
    ...(foreign ? { onnx: exportOnnx(network.graph, network) } : {}),
  });
}
