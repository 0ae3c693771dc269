import { create, toBinary } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProto_DataType,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from "../../../codegen/onnx/onnx_pb.ts";

const type = (shape: readonly number[]) => ({
  value: {
    case: "tensorType" as const,
    value: {
      elemType: TensorProto_DataType.FLOAT,
      shape: { dim: shape.map((size) => ({ value: { case: "dimValue" as const, value: BigInt(size) } })) },
    },
  },
});

export const floats = (name: string, shape: readonly number[], floatData: number[]): TensorProto =>
  create(TensorProtoSchema, { name, dims: shape.map(BigInt), dataType: TensorProto_DataType.FLOAT, floatData });

export const integers = (
  name: string,
  dataType: TensorProto_DataType,
  int32Data: number[],
  shape: number[] = [],
): TensorProto => create(TensorProtoSchema, { name, dims: shape.map(BigInt), dataType, int32Data });

/** A node that is named as its one output. */
export const node = (opType: string, input: string[], output: string, whole: Record<string, number> = {}): NodeProto =>
  create(NodeProtoSchema, {
    ...{ opType, name: output, input, output: [output] },
    attribute: Object.entries(whole).map(([name, i]) => ({
      ...{ name, type: AttributeProto_AttributeType.INT },
      i: BigInt(i),
    })),
  });

/** A file whose model takes `x` of a shape and gives what its last node does. */
export function onnxFile(
  shape: readonly number[],
  nodes: readonly NodeProto[],
  initializer: readonly TensorProto[],
): Uint8Array {
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ version: 14n }],
    graph: {
      name: "graph",
      input: [create(ValueInfoProtoSchema, { name: "x", type: type(shape) })],
      output: [create(ValueInfoProtoSchema, { name: nodes.at(-1)!.name, type: type(shape) })],
      initializer: [...initializer],
      node: [...nodes],
    },
  });
  return toBinary(ModelProtoSchema, model);
}
