import { slice } from "../../../../engine/ops/concat.ts";
import { gather } from "../../../../engine/ops/gather.ts";
import type { Row } from "../row.ts";
import { slicesOf } from "../fold.ts";
import { View } from "../view.ts";
import type { Call, Operand } from "../call.ts";
import { makeStatic, picked, stridesOf, walk } from "../static.ts";

/** Cells along one axis that lie `step` apart. */
interface Range {
  readonly start: number;
  readonly size: number;
  readonly step: number;
}

/** The cells of x in a range of each axis: a box where all steps are 1. */
function cut(call: Call, x: View, ranges: readonly Range[]): View {
  if (ranges.some(({ size }) => size === 0)) call.fail("nothing is left: the engine has no empty tensors");
  const { tensor, order } = x.free();
  const own = order.map((axis) => ranges[axis]!);
  const dense = own.map(({ start, size, step }) => (step === 1 ? { start, size } : undefined));
  const start = dense.map((range) => range?.start ?? 0);
  const size = dense.map((range, at) => range?.size ?? tensor.shape[at]!);
  const boxed = size.every((count, at) => count === tensor.shape[at]) ? tensor : slice(tensor, start, size);
  const y = own.reduce(
    (result, range, at) =>
      range.step === 1
        ? result
        : gather(
            result,
            at,
            Array.from({ length: range.size }, (_, i) => range.start + i * range.step),
          ),
    boxed,
  );
  return View.of(y, order);
}

export const slicing: Row = (call) => {
  const x = call.view(0);
  return [cut(call, x, slicesOf(call, x.shape))];
};

/** Consecutive parts of one axis. */
export const splitting: Row = (call) => {
  const x = call.operand(0);
  const axis = call.axis(call.int("axis", 0), x.shape.length);
  const size = x.shape[axis]!;
  const parts = call.int("num_outputs", call.node.outputs.length);
  const even = Math.ceil(size / parts);
  const sizes =
    call.integers(1, "split") ?? Array.from({ length: parts }, (_, part) => Math.min(even, size - part * even));
  if (sizes.length !== call.node.outputs.length || sizes.reduce((sum, part) => sum + part, 0) !== size)
    call.fail(`parts of ${sizes.join(", ")} do not make up an axis of ${size}`);
  let start = 0;
  return sizes.map((part): Operand => {
    const ranges = x.shape.map((whole, at) =>
      at === axis ? { start, size: part, step: 1 } : { start: 0, size: whole, step: 1 },
    );
    start += part;
    if (part === 0) return makeStatic("float", x.shape.with(axis, 0), () => 0);
    if (x.kind === "view") return cut(call, x, ranges);
    const strides = stridesOf(x.shape);
    const shape = x.shape.with(axis, part);
    return picked(x, shape, walk(shape, strides, ranges[axis]!.start * strides[axis]!));
  });
};

/** Rows at known indexes; one index alone takes its axis away. */
export const gathering: Row = (call) => {
  const x = call.view(0);
  const axis = call.axis(call.int("axis", 0), x.shape.length);
  const indices = call.static(1, "the indices");
  const size = x.shape[axis]!;
  const rows = Array.from(indices.data, (index) => call.axis(index, size));
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  const step = rows.length > 1 ? rows[1]! - rows[0]! : 1;
  const even = rows.every((row, at) => row === rows[0]! + at * step);
  if (even && step === 1) {
    const ranges = x.shape.map((whole, at) =>
      at === axis ? { start: rows[0]!, size: rows.length, step: 1 } : { start: 0, size: whole, step: 1 },
    );
    return [cut(call, x, ranges).reshaped(shape)];
  }
  const { tensor, order } = x.free();
  return [View.of(gather(tensor, order.indexOf(axis), rows), order).reshaped(shape)];
};
