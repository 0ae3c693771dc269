import type { ImageSet, Normalization } from "../../engine/data/image-set.ts";
import { imageAt } from "../../engine/data/select.ts";
import { elementCount } from "../../engine/shape.ts";
import type { Evaluation } from "../../engine/train/evaluate-model.ts";
import { predictedClass, score } from "../../engine/train/metrics.ts";
import { exp } from "./elementary.ts";
import type { QuantizedGraph } from "./graph.ts";
import { inputOfBytes, inputOfImage } from "./inputs.ts";
import { createInterpreter, interpret, type InterpreterOptions } from "./interpreter/interpret.ts";

export interface EvaluateQuantizedOptions extends InterpreterOptions {
  readonly normalization: Normalization;
  readonly onProgress?: (images: number) => void;
}

/** Accuracy, loss and confusion of a network in integers over a set, by the interpreter. @throws ShapeError */
export async function evaluateQuantized(
  graph: QuantizedGraph,
  set: ImageSet,
  { normalization, backend, onProgress }: EvaluateQuantizedOptions,
): Promise<Evaluation> {
  const interpreter = await createInterpreter(graph, { backend });
  const inputOf = inputOfBytes(normalization, graph);
  const classes = elementCount(graph.values[graph.output].shape);
  const predictions = new Uint32Array(set.count);
  let loss = 0;
  try {
    for (let index = 0; index < set.count; index++) {
      const logits = realOutputs(graph, await interpreter.run(inputOf(imageAt(set, index))));
      predictions[index] = predictedClass(logits);
      loss += crossEntropy(logits, set.labels[index]);
      onProgress?.(index + 1);
    }
  } finally {
    await interpreter.dispose();
  }
  return {
    images: set.count,
    ...score(predictions, set.labels, classes),
    loss: loss / Math.max(1, set.count),
    predictions,
  };
}

/** Real values of the output for normalised images. @throws ShapeError */
export async function interpretImages(
  graph: QuantizedGraph,
  images: readonly Float32Array[],
  options?: InterpreterOptions,
): Promise<Float64Array[]> {
  const outputs = await interpret(graph, images.map(inputOfImage(graph)), options);
  return outputs.map((cells) => realOutputs(graph, cells));
}

/** In float64, in which outputs are as large as each other only where their cells are. */
function realOutputs({ values, output }: QuantizedGraph, cells: ArrayLike<number>): Float64Array {
  const { element } = values[output];
  return Float64Array.from(cells, (q) =>
    element.type === "float32" ? q : element.scale * (q - (element.type === "int8" ? element.zero : 0)),
  );
}

function crossEntropy(logits: Float64Array, label: number): number {
  const largest = Math.max(...logits);
  return largest + Math.log(logits.reduce((sum, logit) => sum + exp(logit - largest), 0)) - logits[label];
}
