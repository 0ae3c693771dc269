import { TensorProto_DataType } from "../../onnx_pb.ts";
import type { Call } from "../call.ts";
import type { Row } from "../row.ts";
import { type Bounds, makeStatic, type Static } from "../static.ts";

/** Of an operator that rounds, or of one that gives reals again. */
export interface Steps {
  readonly scale: Static;
  readonly zero: Static | undefined;
}

/** @throws DataError */
export function stepsOf(call: Call): Steps {
  return { scale: call.static(1, "the scale"), zero: call.optionalStatic(2, "the zero point") };
}

/** The cells that an operator rounds to: those of the zero point's type. @throws DataError when they have not 8 bits */
export function boundsOf(call: Call, { zero }: Steps): Bounds {
  if (zero?.bounds !== undefined) return zero.bounds;
  const { INT8, UINT8 } = TensorProto_DataType;
  const type = call.int("output_dtype", UINT8);
  if (zero === undefined && type === (UINT8 as number)) return [0, 255];
  if (zero === undefined && type === (INT8 as number)) return [-128, 127];
  return call.fail("rounds to cells of another type than int8 and uint8: quantise the model with one of these");
}

/** What an operator does to each cell of a constant, with the scale and the zero point of its axis. */
function mapped(
  call: Call,
  x: Static,
  type: Static["type"],
  f: (value: number, scale: number, zero: number) => number,
): Static {
  const { scale, zero } = stepsOf(call);
  const axis = scale.data.length === 1 ? 0 : call.axis(call.int("axis", 1), x.shape.length);
  const inner = x.shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  if (scale.data.length !== 1 && scale.data.length !== x.shape[axis])
    call.fail("scales of blocks are not supported: the nearest are scales of an axis");
  return makeStatic(type, x.shape, (i) => {
    const at = scale.data.length === 1 ? 0 : Math.floor(i / inner) % x.shape[axis]!;
    return f(x.data[i]!, scale.data[at]!, zero?.data[at] ?? 0);
  });
}

/** Constants that were stored as integers become floats. An activation is real still, see withoutRounding. */
export const dequantize: Row = (call) => {
  const x = call.operand(0);
  if (x.kind === "view") return [x];
  return [mapped(call, x, "float", (value, scale, zero) => (value - zero) * scale)];
};

/** Halves are rounded to even. */
export const quantize: Row = (call) => {
  const x = call.operand(0);
  if (x.kind === "view") return [x];
  const [least, largest] = boundsOf(call, stepsOf(call));
  const cell = (value: number, scale: number, zero: number): number =>
    Math.min(largest, Math.max(least, roundToEven(value / scale) + zero));
  return [{ ...mapped(call, x, "int", cell), bounds: [least, largest] }];
};

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest === 0.5 ? below + (below & 1) : Math.round(value);
}
