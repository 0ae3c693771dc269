import { concat } from "../../../../engine/ops/concat.ts";
import { recordOne } from "../../../../engine/record.ts";
import { elementCount } from "../../../../engine/shape.ts";
import type { Tensor } from "../../../../engine/tensor.ts";
import type { Operand } from "../call.ts";
import type { Row } from "../row.ts";
import { makeStatic, permuted, type Static } from "../static.ts";
import { View } from "../view.ts";

/**
 * Parts one after the other, in the order of cells of the largest. The engine takes constants only behind all other
 * parts: where one stands before, as the class token of a vision transformer, its place is padded and a table is added.
 */
export const concatenation: Row = (call) => {
  const parts = call.inputs.filter((input) => input !== undefined && elementCount(input.shape) > 0) as Operand[];
  const views = parts.filter((part) => part.kind === "view");
  const [first] = views;
  if (first === undefined) call.fail("has no operand that is computed");
  const axis = call.axis(call.int("axis", 0), first.shape.length);
  const fits = parts.every(
    ({ shape }) =>
      shape.length === first.shape.length && shape.every((size, at) => at === axis || size === first.shape[at]),
  );
  if (!fits) call.fail("all axes but the one along which parts are joined must be alike");
  const leader = views.reduce((a, b) => (elementCount(b.shape) > elementCount(a.shape) ? b : a));
  const { order } = leader.free();
  const at = order.indexOf(axis);
  const lastView = parts.findLastIndex((part) => part.kind === "view");
  const behind = parts.slice(lastView + 1) as Static[];
  const before = parts.slice(0, lastView + 1);
  let waiting = 0;
  const padded: Tensor[] = [];
  for (const part of before) {
    if (part.kind === "static") {
      waiting += part.shape[axis]!;
      continue;
    }
    const x = part.ordered(order);
    const zeros = x.shape.map(() => 0);
    padded.push(waiting === 0 ? x : recordOne("pad", [x], { before: zeros.with(at, waiting), after: zeros, value: 0 }));
    waiting = 0;
  }
  const tables = behind.map((part, index) => call.table(`part${index}`, permuted(part, order)));
  const joined = [...padded, ...tables];
  const y = joined.length === 1 ? joined[0]! : concat(joined, at);
  if (before.every((part) => part.kind === "view")) return [View.of(y, order)];
  const known = placed(parts, axis, y.shape[at]!);
  return [View.of(y.add(call.table("table", permuted(known, order))), order)];
};

/** The constants where they stand among the parts, and zeros elsewhere. */
function placed(parts: readonly Operand[], axis: number, size: number): Static {
  const shape = parts[0]!.shape.with(axis, size);
  const run = elementCount(shape.slice(axis + 1));
  const lastView = parts.findLastIndex((part) => part.kind === "view");
  const rows: { readonly part: Operand; readonly row: number; readonly constant: boolean }[] = parts.flatMap(
    (part, index) =>
      Array.from({ length: part.shape[axis]! }, (_, row) => ({
        ...{ part, row },
        constant: part.kind === "static" && index < lastView,
      })),
  );
  return makeStatic("float", shape, (i) => {
    const { part, row, constant } = rows[Math.floor(i / run) % size]!;
    if (part.kind !== "static" || !constant) return 0;
    return part.data[(Math.floor(i / (run * size)) * part.shape[axis]! + row) * run + (i % run)]!;
  });
}
