import { TensorProto_DataType } from "../../onnx_pb.ts";
import type { Row } from "../row.ts";
import { makeStatic, type StaticType } from "../static.ts";
import { typeName } from "../tensor-data.ts";

const types = TensorProto_DataType;

function targetOf(type: number): StaticType | undefined {
  if (type === types.FLOAT || type === types.DOUBLE || type === types.FLOAT16) return "float";
  if (type === types.BOOL) return "bool";
  const integers: readonly number[] = [
    ...[types.INT8, types.INT16, types.INT32, types.INT64],
    ...[types.UINT8, types.UINT16, types.UINT32, types.UINT64],
  ];
  return integers.includes(type) ? "int" : undefined;
}

/** Activations are float32 and stay so; constants become what is asked for. */
export const cast: Row = (call) => {
  const x = call.operand(0);
  const to = call.int("to", 0);
  const type = targetOf(to);
  if (x.kind === "view") {
    if (to !== types.FLOAT) call.fail(`an activation cannot become ${typeName(to)}, all are float32`);
    return [x];
  }
  if (type === undefined || to === types.FLOAT16) return call.fail(`constants of ${typeName(to)} are not supported`);
  const convert = { float: (value: number) => value, int: Math.trunc, bool: (value: number) => (value === 0 ? 0 : 1) };
  return [makeStatic(type, x.shape, (i) => convert[type](x.data[i]!))];
};
