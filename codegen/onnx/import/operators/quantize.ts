import type { Call } from "../call.ts";
import type { Row } from "../row.ts";
import { makeStatic } from "../static.ts";

/** Constants that were stored as integers become floats. */
export const dequantize: Row = (call) => {
  const x = call.operand(0);
  if (x.kind === "view") return refuse(call);
  const scale = call.static(1, "the scale");
  const zero = call.optionalStatic(2, "the zero point");
  const axis = scale.data.length === 1 ? 0 : call.axis(call.int("axis", 1), x.shape.length);
  const inner = x.shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  if (scale.data.length !== 1 && scale.data.length !== x.shape[axis])
    call.fail("scales of blocks are not supported: the nearest are scales of an axis");
  return [
    makeStatic("float", x.shape, (i) => {
      const at = scale.data.length === 1 ? 0 : Math.floor(i / inner) % x.shape[axis]!;
      return (x.data[i]! - (zero?.data[at] ?? 0)) * scale.data[at]!;
    }),
  ];
};

export const quantize: Row = (call) => refuse(call);

function refuse(call: Call): never {
  return call.fail(
    "quantised activations are not imported: import the float model and have Finch quantise it with calibration images",
  );
}
