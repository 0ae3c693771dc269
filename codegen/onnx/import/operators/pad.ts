import { slice } from "../../../../engine/ops/concat.ts";
import { gather } from "../../../../engine/ops/gather.ts";
import { recordOne } from "../../../../engine/record.ts";
import type { Call } from "../call.ts";
import type { Row } from "../row.ts";
import { View } from "../view.ts";

/** Index in the axis that a padded place repeats. */
const repeats: Readonly<Record<string, (place: number, size: number) => number>> = {
  edge: (place, size) => Math.min(Math.max(place, 0), size - 1),
  wrap: (place, size) => ((place % size) + size) % size,
  reflect: (place, size) => {
    const period = Math.max(1, 2 * (size - 1));
    const within = ((place % period) + period) % period;
    return Math.min(within, period - within);
  },
};

/** Pads of each axis, before and after; those that are negative cut cells off. */
function padsOf(call: Call, rank: number): { before: number[]; after: number[] } {
  const pads = call.integers(1, "pads") ?? call.fail("pads are missing");
  const axes = call.optionalStatic(3, "axes")?.data ?? Array.from({ length: rank }, (_, axis) => axis);
  const [before, after] = [new Array<number>(rank).fill(0), new Array<number>(rank).fill(0)];
  if (pads.length !== 2 * axes.length) call.fail("pads has another length than twice the axes");
  axes.forEach((given, at) => {
    const axis = call.axis(given, rank);
    before[axis] = pads[at]!;
    after[axis] = pads[at + axes.length]!;
  });
  return { before, after };
}

export const padding: Row = (call) => {
  const x = call.view(0);
  const { before, after } = padsOf(call, x.shape.length);
  const { tensor, order } = x.free();
  const mode = call.string("mode", "constant");
  const own = (cells: readonly number[]): number[] => order.map((axis) => cells[axis]!);
  if (mode === "constant") {
    const value = call.optionalStatic(2, "the value")?.data[0] ?? 0;
    const start = own(before).map((cells) => Math.max(0, -cells));
    const size = tensor.shape.map((whole, at) => whole - start[at]! - Math.max(0, -own(after)[at]!));
    if (size.some((cells) => cells < 1)) call.fail("nothing is left: the engine has no empty tensors");
    const kept = size.every((cells, at) => cells === tensor.shape[at]) ? tensor : slice(tensor, start, size);
    const positive = (cells: readonly number[]): number[] => own(cells).map((count) => Math.max(0, count));
    const [front, back] = [positive(before), positive(after)];
    const none = [...front, ...back].every((count) => count === 0);
    return [View.of(none ? kept : recordOne("pad", [kept], { before: front, after: back, value }), order)];
  }
  const repeat = repeats[mode] ?? call.fail(`mode ${mode} is not supported: the nearest is constant`);
  const y = order.reduce((result, axis, at) => {
    if (before[axis] === 0 && after[axis] === 0) return result;
    const size = x.shape[axis]!;
    const count = size + before[axis]! + after[axis]!;
    return gather(
      result,
      at,
      Array.from({ length: count }, (_, place) => repeat(place - before[axis]!, size)),
    );
  }, tensor);
  return [View.of(y, order)];
};
