import { DataError } from "../../../engine/errors.ts";
import { buildGraph } from "../../../engine/graph.ts";
import type { InferenceGraph, ValueRange } from "../../../engine/plan/inference.ts";
import { lowerGraph } from "../../../engine/plan/lower.ts";
import type { ComputeOp } from "../../../engine/plan/passes/constant-folding.ts";
import { formatShape } from "../../../engine/shape.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { execute, layoutOf, type Layout, type Values } from "./execute.ts";
import { readModel, short } from "./model.ts";
import { recognise } from "./patterns.ts";
import { withoutRounding } from "./rounding.ts";
import type { View } from "./view.ts";
import { simplify } from "./simplify.ts";

export interface ImportOptions {
  /** Axes of the input. Default: told by which of them has 1 to 4 channels. */
  readonly layout?: Layout | undefined;
  /** Computes what does not depend on the image. */
  readonly compute: ComputeOp;
}

export interface ImportedOnnx {
  /** Channels last, batch 1, weights and all; with ranges where the model was quantised. */
  readonly graph: InferenceGraph;
  readonly layout: Layout;
  /** Name and version of the program that wrote the file, as it says. */
  readonly producer: string;
  readonly opset: number;
}

/**
 * Reads an ONNX model with one float32 input and one output as a network of the engine.
 * @throws DataError, ShapeError for a file that is none, or a model that the engine cannot run; the message names the
 * node and its operator
 */
export function importOnnx(bytes: Uint8Array, { compute, ...options }: ImportOptions): ImportedOnnx {
  const model = readModel(bytes);
  const layout = options.layout ?? layoutOf(model);
  const known = execute(model, layout, compute);
  const { model: real, values, ranges } = withoutRounding(simplify(model, known), known);
  const simple = simplify(recognise(real, values), values);
  const results = execute(simple, layout, compute);
  const output = results.get(real.output);
  if (output === undefined) throw new DataError(`onnx: nothing gives the output ${short(model.output)}`);
  if (output.kind === "static")
    throw new DataError(
      `onnx: the output ${short(model.output)} ${formatShape(output.shape)} does not depend on the input`,
    );
  const graph = lowerGraph(buildGraph({ logits: scoresOf(output) }), (slot) => slot.initial(), {
    compute,
    ranges: rangesOfTensors(ranges, results),
  });
  return { graph, layout, producer: model.producer, opset: model.opset };
}

/** Scores [1,classes] of a model that ends with as many channels of one pixel; else what it gives. */
function scoresOf(output: View): Tensor {
  const { shape } = output;
  const pixels = shape.slice(2);
  return shape.length > 2 && pixels.every((size) => size === 1)
    ? output.reshaped(shape.slice(0, 2)).natural()
    : output.natural();
}

/** Shapes and orders of a value share its range. */
function rangesOfTensors(ranges: ReadonlyMap<string, ValueRange>, results: Values): ReadonlyMap<Tensor, ValueRange> {
  const tensors = new Map<Tensor, ValueRange>();
  for (const [name, range] of ranges) {
    const result = results.get(name);
    if (result?.kind !== "view") continue;
    let { tensor } = result;
    while (tensor.node.kind === "op" && tensor.node.op === "reshape") tensor = tensor.node.inputs[0]!;
    if (!tensors.has(tensor)) tensors.set(tensor, range);
  }
  return tensors;
}

/** The same of a classifier: an image in, a score for each class out. @throws DataError, ShapeError */
export function importClassifier(bytes: Uint8Array, options: ImportOptions): ImportedOnnx {
  const imported = importOnnx(bytes, options);
  const { values, input, output } = imported.graph;
  const [image, scores] = [values[input]!.shape, values[output]!.shape];
  if (image.length !== 4 || image[0] !== 1)
    throw new DataError(`onnx: the input has shape ${formatShape(image)}, expected one image [1,h,w,c]`);
  if (scores.length !== 2 || scores[0] !== 1)
    throw new DataError(
      `onnx: the output has shape ${formatShape(scores)}, expected the scores of the classes [1,classes]`,
    );
  return imported;
}
