import { gather } from "../../../../engine/ops/gather.ts";
import type { Shape } from "../../../../engine/shape.ts";
import type { Row } from "../row.ts";
import { broadcastShape } from "../static.ts";
import { View } from "../view.ts";

/** Repeats axes of size 1. */
export function expand(x: View, shape: Shape): View {
  const padded = x.reshaped([...new Array<number>(shape.length - x.shape.length).fill(1), ...x.shape]);
  const { tensor, order } = padded.free();
  const repeated = order.reduce(
    (result, axis, at) =>
      padded.shape[axis] === shape[axis] ? result : gather(result, at, new Array<number>(shape[axis]!).fill(0)),
    tensor,
  );
  return View.of(repeated, order);
}

export const expanding: Row = (call) => {
  const x = call.view(0);
  return [expand(x, broadcastShape(x.shape, Array.from(call.static(1, "the shape").data)))];
};
