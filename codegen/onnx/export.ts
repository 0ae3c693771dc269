import type { Normalization } from "../../engine/data/image-set.ts";
import { ConfigError, ShapeError } from "../../engine/errors.ts";
import type { InferenceOp } from "../../engine/ops/vocabulary.ts";
import type { InferenceGraph, Layer, ValueId } from "../../engine/plan/inference.ts";
import type { Shape } from "../../engine/shape.ts";
import { OnnxBuilder } from "./builder.ts";
import { naturalOrder, onnxShape, sameOrder, type OnnxValue } from "./layout.ts";
import { applyStep, onnxRows, type OnnxCall, type OnnxResult, type OnnxRow } from "./rows.ts";

/** What a user of the file has to know beside the graph; stored in its `metadata_props`. */
export interface OnnxMetadata {
  readonly name: string;
  /** Class names, by label. */
  readonly classes?: readonly string[];
  readonly normalization?: Normalization;
}

/** Names of the graph's only input [1,channels,height,width] and output [1,classes]. */
export const onnxInput = "input";
export const onnxOutput = "logits";

/**
 * The network as a serialised ONNX ModelProto: opset 17, batch 1, NCHW. There are no Transpose nodes but around layer
 * norm over channels; weights of a linear layer over a flattened map are permuted instead. `metadata_props` hold
 * `classes`, `input`, `normalization` (JSON) and `layout`.
 *
 * @throws ConfigError for an op without an ONNX form, ShapeError for a reshape that channels-first data does not allow
 */
export function exportOnnx(network: InferenceGraph, metadata: OnnxMetadata): Uint8Array {
  const builder = new OnnxBuilder();
  const values = new Map<ValueId, OnnxValue>();
  const shapeOf = (id: ValueId): Shape => network.values[id]!.shape;
  const value = (result: OnnxResult, shape: Shape): OnnxValue => ({
    name: result.name,
    shape,
    order: result.order ?? naturalOrder(shape),
  });
  const operand = (id: ValueId): OnnxValue => values.get(id)!;

  const image = shapeOf(network.input);
  const input = { name: builder.reserve(onnxInput), shape: onnxShape(image) };
  const outputName = builder.reserve(onnxOutput);
  values.set(network.input, value(input, image));
  for (const layer of network.layers) {
    builder.scope = layer.name;
    const shape = shapeOf(layer.output);
    const result = writeLayer(builder, layer, layer.inputs.map(operand), shape);
    let y = value(result, shape);
    for (const step of layer.epilogue.slice(result.done ?? 0)) y = value(applyStep(builder, y, step, operand), shape);
    values.set(layer.output, y);
  }
  const last = operand(network.output);
  if (!sameOrder(last.order, naturalOrder(last.shape)))
    throw new ShapeError("onnx: the output is a flattened map, whose order channels-first ONNX cannot keep");
  return builder.finish({
    name: metadata.name,
    input,
    output: { name: outputName, shape: onnxShape(last.shape) },
    result: last.name,
    metadata: describe(metadata, input.shape),
  });
}

function writeLayer<K extends InferenceOp>(
  builder: OnnxBuilder,
  layer: Layer<K>,
  inputs: readonly OnnxValue[],
  shape: Shape,
): OnnxResult {
  const row = onnxRows[layer.op];
  if ("unsupported" in row) throw new ConfigError(`onnx: ${layer.name}: ${layer.op}: ${row.unsupported}`);
  const call: OnnxCall<K> = { builder, layer, attributes: layer.attributes, inputs, shape };
  return (row as OnnxRow<K>)(call);
}

function describe({ classes, normalization }: OnnxMetadata, input: Shape): Record<string, string> {
  return {
    layout: "NCHW",
    input: JSON.stringify(input),
    ...(classes && { classes: JSON.stringify(classes) }),
    ...(normalization && {
      normalization: JSON.stringify({ formula: "(byte / 255 - mean) / deviation", ...normalization }),
    }),
  };
}
