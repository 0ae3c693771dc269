import type { Backend } from "../../engine/backend.ts";
import { lookUpBytes } from "../../engine/byte-lookup.ts";
import type { ImageSet, Normalization } from "../../engine/data/image-set.ts";
import { normalizationTable } from "../../engine/data/normalization.ts";
import { elementCount } from "../../engine/shape.ts";
import { predictedClasses } from "../../engine/train/metrics.ts";
import type { Evaluation } from "../../engine/train/evaluate-model.ts";
import { byteTable } from "./bytes.ts";
import { exp } from "./elementary.ts";
import type { QuantizedGraph } from "./graph.ts";
import { createInterpreter, type Interpreter } from "./interpreter/interpret.ts";
import { roundCells } from "./rows.ts";

export interface EvaluateQuantizedOptions {
  readonly normalization: Normalization;
  /** Runs layers that are kept in float32. */
  readonly backend?: Backend;
  readonly onProgress?: (images: number) => void;
}

/** Accuracy, loss and confusion of a network in integers over a set, by the interpreter. @throws ShapeError */
export async function evaluateQuantized(
  graph: QuantizedGraph,
  set: ImageSet,
  { normalization, backend, onProgress }: EvaluateQuantizedOptions,
): Promise<Evaluation> {
  const interpreter = await createInterpreter(graph, backend === undefined ? {} : { backend });
  const feed = feedBytes(graph, interpreter, normalization);
  const size = set.height * set.width * set.channels;
  const classes = elementCount(graph.values[graph.output].shape);
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  const predictions = new Uint32Array(set.count);
  let correct = 0;
  let loss = 0;
  try {
    for (let index = 0; index < set.count; index++) {
      const logits = await feed(set.images.subarray(index * size, (index + 1) * size));
      const label = set.labels[index];
      const [prediction] = predictedClasses(logits, 1, classes);
      predictions[index] = prediction;
      confusion[label][prediction]++;
      if (prediction === label) correct++;
      loss += crossEntropy(logits, label);
      onProgress?.(index + 1);
    }
  } finally {
    await interpreter.dispose();
  }
  const images = Math.max(1, set.count);
  return { images: set.count, accuracy: correct / images, loss: loss / images, confusion, predictions };
}

/** Real values of the output for the bytes of an image. */
function feedBytes(
  graph: QuantizedGraph,
  interpreter: Interpreter,
  normalization: Normalization,
): (bytes: Uint8Array) => Promise<Float32Array> {
  const { shape, element } = graph.values[graph.input];
  const count = elementCount(shape);
  const [cells, table] =
    element.type === "int8"
      ? [new Int8Array(count), byteTable(normalization, element)]
      : [new Float32Array(count), normalizationTable(normalization)];
  return async (bytes) => {
    lookUpBytes(cells, bytes, table);
    return realOutputs(graph, await interpreter.run(cells));
  };
}

/** Real values of the output for a normalised image. */
export function feedImages(
  graph: QuantizedGraph,
  interpreter: Interpreter,
): (image: Float32Array) => Promise<Float32Array> {
  const { element } = graph.values[graph.input];
  return async (image) =>
    realOutputs(graph, await interpreter.run(element.type === "int8" ? roundCells(image, element) : image));
}

function realOutputs({ values, output }: QuantizedGraph, cells: ArrayLike<number>): Float32Array {
  const { element } = values[output];
  return Float32Array.from(cells, (q) =>
    element.type === "float32" ? q : element.scale * (q - (element.type === "int8" ? element.zero : 0)),
  );
}

function crossEntropy(logits: Float32Array, label: number): number {
  const largest = Math.max(...logits);
  return largest + Math.log(logits.reduce((sum, logit) => sum + exp(logit - largest), 0)) - logits[label];
}
