import type { Normalization } from "../../engine/data/image-set.ts";
import { ConfigError, ShapeError } from "../../engine/errors.ts";
import type { Attributes, InferenceOp } from "../../engine/ops/vocabulary.ts";
import type { InferenceGraph, Layer, ValueId } from "../../engine/plan/inference.ts";
import type { Shape } from "../../engine/shape.ts";
import { batchedShape, OnnxBuilder, type OnnxBatch } from "./builder.ts";
import { naturalOrder, onnxShape, sameOrder, type OnnxValue } from "./layout.ts";
import { applyStep, onnxRows, type OnnxCall, type OnnxResult, type OnnxRow } from "./rows.ts";

/** What a user of the file has to know beside the graph; stored in its `metadata_props`. */
export interface OnnxMetadata {
  readonly name: string;
  /** Class names, by label. */
  readonly classes?: readonly string[];
  readonly normalization?: Normalization;
}

export interface OnnxOptions {
  /** Images per run, or "N" for a symbolic batch axis. Default 1. */
  readonly batch?: OnnxBatch;
}

/** Names of the graph's only input [batch,channels,height,width] and output [batch,classes]. */
export const onnxInput = "input";
export const onnxOutput = "logits";

/**
 * The network as a serialised ONNX ModelProto: opset 17, NCHW. There are no Transpose nodes but around layer
 * norm over channels; weights of a linear layer over a flattened map are permuted instead. `metadata_props` hold
 * `classes`, `input`, `normalization` (JSON) and `layout`.
 *
 * @throws ConfigError for an op without an ONNX form or a batch that is no count; ShapeError for a reshape that
 * channels-first data does not allow, and for a batch other than 1 of a network with activations without a batch axis
 */
export function exportOnnx(
  network: InferenceGraph,
  metadata: OnnxMetadata,
  { batch = 1 }: OnnxOptions = {},
): Uint8Array {
  if (batch !== "N" && !(Number.isSafeInteger(batch) && batch > 0))
    throw new ConfigError(`onnx: the batch is ${batch}, expected a positive integer or "N"`);
  if (batch !== 1) expectBatchAxis(network);
  const builder = new OnnxBuilder(batch);
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
    metadata: describe(metadata, batchedShape(input.shape, batch)),
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

/** What one image has as 1 in front can be any batch, unless a product or a transpose moves it. */
function expectBatchAxis({ values, layers }: InferenceGraph): void {
  for (const { name, shape } of values)
    if (shape.length < 2 || shape[0] !== 1)
      throw new ShapeError(`onnx: ${name} [${shape.join(",")}] has no batch axis: only batch 1 can be exported`);
  for (const layer of layers)
    if (movesBatchAxis(layer))
      throw new ShapeError(`onnx: ${layer.name}: ${layer.op} moves the batch axis: only batch 1 can be exported`);
}

function movesBatchAxis({ op, attributes, weights }: Layer): boolean {
  if (op === "matmul") return weights.length === 0 || (attributes as Attributes<"matmul">).transposeA;
  if (op === "batchMatmul") return true;
  if (op === "binary") return weights.some(({ shape }) => shape[0] !== 1);
  if (op === "reduce") return (attributes as Attributes<"reduce">).axes.includes(0);
  if (op === "gather") return (attributes as Attributes<"gather">).axis === 0;
  if (op === "concat") return weights.length > 0 || (attributes as Attributes<"concat">).axis === 0;
  if (op === "pad") {
    const { before, after } = attributes as Attributes<"pad">;
    return before[0] !== 0 || after[0] !== 0;
  }
  return op === "transpose" && (attributes as Attributes<"transpose">).permutation[0] !== 0;
}

function describe({ classes, normalization }: OnnxMetadata, input: readonly OnnxBatch[]): Record<string, string> {
  return {
    layout: "NCHW",
    input: JSON.stringify(input),
    ...(classes && { classes: JSON.stringify(classes) }),
    ...(normalization && {
      normalization: JSON.stringify({ formula: "(byte / 255 - mean) / deviation", ...normalization }),
    }),
  };
}
