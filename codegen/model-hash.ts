import { isActivation } from "../engine/ops/activation.ts";
import type { InferenceGraph } from "../engine/plan/inference.ts";
import type { QuantizedGraph } from "./quantize/graph.ts";

/** FNV-1a (Fowler, Noll, Vo) of 32 bits over the bytes of some values. */
function fnv1a(bytes: Uint8Array, basis: number): number {
  let hash = basis;
  // The iterator of an array of bytes takes eight times as long.
  for (let at = 0; at < bytes.length; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return hash >>> 0;
}

/** 16 hexadecimal digits that tell one set of trained weights and layers from another; of their integers too, if any. */
export function hashWeights(graph: InferenceGraph, integers?: QuantizedGraph): string {
  let low = 0x811c9dc5;
  let high = 0x9747b28c;
  const add = (bytes: Uint8Array): void => {
    low = fnv1a(bytes, low);
    high = fnv1a(bytes, high);
  };
  const encoder = new TextEncoder();
  for (const layer of graph.layers) {
    const { op, attributes, inputs, output } = layer;
    add(encoder.encode(JSON.stringify({ op, attributes, inputs, output, shape: graph.values[output]!.shape })));
    // Relu goes without saying, as it did before there were others.
    for (const step of layer.epilogue) {
      if (isActivation(step.kind) && step.kind !== "relu") add(encoder.encode(step.kind));
      if (step.kind === "unary") add(encoder.encode(JSON.stringify(step.attributes)));
    }
    const biases = layer.epilogue.flatMap((step) => (step.kind === "bias" ? [step.weights] : []));
    for (const weights of [...layer.weights, ...biases]) {
      const values = weights.values();
      add(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
  }
  if (integers !== undefined) add(encoder.encode(JSON.stringify(integers)));
  return [high, low].map((hash) => hash.toString(16).padStart(8, "0")).join("");
}
