import { DataError } from "../../../engine/errors.ts";
import { elementCount, type Shape } from "../../../engine/shape.ts";
import { TensorProto_DataLocation, TensorProto_DataType, type TensorProto } from "../onnx_pb.ts";
import { checkSize, type Bounds, type Static, type StaticType } from "./static.ts";

const types = TensorProto_DataType;

interface Encoding {
  readonly type: StaticType;
  readonly bytes: number;
  readonly read: (view: DataView, at: number) => number;
  readonly bounds?: Bounds;
}

/** Types of constants that can be read. */
const encodings: Readonly<Partial<Record<TensorProto_DataType, Encoding>>> = {
  [types.FLOAT]: { type: "float", bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  [types.DOUBLE]: { type: "float", bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  [types.INT8]: { type: "int", bytes: 1, read: (view, at) => view.getInt8(at), bounds: [-128, 127] },
  [types.UINT8]: { type: "int", bytes: 1, read: (view, at) => view.getUint8(at), bounds: [0, 255] },
  [types.INT16]: { type: "int", bytes: 2, read: (view, at) => view.getInt16(at, true) },
  [types.UINT16]: { type: "int", bytes: 2, read: (view, at) => view.getUint16(at, true) },
  [types.INT32]: { type: "int", bytes: 4, read: (view, at) => view.getInt32(at, true) },
  [types.UINT32]: { type: "int", bytes: 4, read: (view, at) => view.getUint32(at, true) },
  [types.INT64]: { type: "int", bytes: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
  [types.UINT64]: { type: "int", bytes: 8, read: (view, at) => Number(view.getBigUint64(at, true)) },
  [types.BOOL]: { type: "bool", bytes: 1, read: (view, at) => (view.getUint8(at) === 0 ? 0 : 1) },
};

export function typeName(type: number): string {
  const found = Object.entries(types).find(([, value]) => value === type);
  return found?.[0].toLowerCase() ?? `type ${type}`;
}

/** @throws DataError for data in another file, a type that is not read, or a count that does not fit the shape */
export function readTensor(tensor: TensorProto, name: string): Static {
  if (tensor.dataLocation === TensorProto_DataLocation.EXTERNAL || tensor.externalData.length > 0)
    throw new DataError(`onnx: ${name} keeps its data in another file: save the model as one file`);
  const encoding = encodings[tensor.dataType as TensorProto_DataType];
  if (encoding === undefined)
    throw new DataError(`onnx: ${name}: constants of ${typeName(tensor.dataType)} are not read`);
  const shape: Shape = checkSize(tensor.dims.map(Number));
  const count = elementCount(shape);
  const values = valuesOf(tensor, encoding);
  if (values.length !== count)
    throw new DataError(`onnx: ${name} of shape [${shape.join(",")}] holds ${values.length} values`);
  const data = encoding.type === "float" ? Float32Array.from(values) : Float64Array.from(values);
  const { type, bounds } = encoding;
  return { kind: "static", type, shape, data, ...(bounds && { bounds }) };
}

function valuesOf(tensor: TensorProto, { bytes, read }: Encoding): ArrayLike<number> {
  const { rawData } = tensor;
  if (rawData.length > 0) {
    const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
    const values = new Float64Array(Math.floor(rawData.length / bytes));
    for (let i = 0; i < values.length; i++) values[i] = read(view, i * bytes);
    return rawData.length % bytes === 0 ? values : [];
  }
  if (tensor.dataType === types.FLOAT) return tensor.floatData;
  if (tensor.dataType === types.DOUBLE) return tensor.doubleData;
  if (tensor.dataType === types.INT64) return tensor.int64Data.map(Number);
  if (tensor.dataType === types.UINT64 || tensor.dataType === types.UINT32) return tensor.uint64Data.map(Number);
  return tensor.int32Data;
}
