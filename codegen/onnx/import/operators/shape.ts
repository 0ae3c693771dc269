import { elementCount, type Shape } from "../../../../engine/shape.ts";
import type { Call, Operand } from "../call.ts";
import type { Row } from "../row.ts";
import { reshaped, staticOf } from "../static.ts";

/** The same cells in the same order under another shape. */
function under(call: Call, shape: Shape): readonly Operand[] {
  const x = call.operand(0);
  if (elementCount(shape) !== elementCount(x.shape))
    call.fail(`[${x.shape.join(",")}] cannot be reshaped to [${shape.join(",")}]`);
  return [x.kind === "static" ? reshaped(x, shape) : x.reshaped(shape)];
}

/** 0 keeps a size, −1 is what remains. */
const reshape: Row = (call) => {
  const x = call.operand(0);
  const wanted = Array.from(call.static(1, "the shape").data);
  const copies = call.int("allowzero", 0) === 0;
  const sizes = wanted.map((size, axis) => (size === 0 && copies ? (x.shape[axis] ?? 0) : size));
  const known = elementCount(sizes.filter((size) => size !== -1));
  const open = sizes.indexOf(-1);
  if (open < 0) return under(call, sizes);
  if (sizes.lastIndexOf(-1) !== open || known === 0) call.fail("at most one size can be left open");
  return under(call, sizes.with(open, elementCount(x.shape) / known));
};

const flatten: Row = (call) => {
  const { shape } = call.operand(0);
  const given = call.int("axis", 1);
  const axis = given === shape.length ? given : call.axis(given, Math.max(1, shape.length));
  return under(call, [elementCount(shape.slice(0, axis)), elementCount(shape.slice(axis))]);
};

const squeeze: Row = (call) => {
  const { shape } = call.operand(0);
  const given = call.integers(1, "axes")?.map((axis) => call.axis(axis, shape.length));
  const gone = given ?? shape.flatMap((size, axis) => (size === 1 ? [axis] : []));
  if (gone.some((axis) => shape[axis] !== 1)) call.fail("only axes of size 1 can go");
  return under(
    call,
    shape.filter((_, axis) => !gone.includes(axis)),
  );
};

const unsqueeze: Row = (call) => {
  const { shape } = call.operand(0);
  const given = call.integers(1, "axes") ?? call.fail("axes are missing");
  const rank = shape.length + given.length;
  const added = new Set(given.map((axis) => call.axis(axis, rank)));
  if (added.size !== given.length) call.fail("axes must differ");
  const sizes = [...shape];
  return under(
    call,
    Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : sizes.shift()!)),
  );
};

const transpose: Row = (call) => {
  const x = call.view(0);
  const permutation = call.ints("perm") ?? x.shape.map((_, axis) => axis).reverse();
  if (permutation.length !== x.shape.length || new Set(permutation).size !== permutation.length)
    call.fail("perm is no permutation of the axes");
  permutation.forEach((axis) => call.axis(axis, x.shape.length));
  return [x.permuted(permutation)];
};

/** Known when the model is imported, whatever the operand is. */
const shapeOf: Row = (call) => {
  const { shape } = call.operand(0);
  const place = (value: number): number =>
    Math.min(Math.max(value < 0 ? value + shape.length : value, 0), shape.length);
  const cut = shape.slice(place(call.int("start", 0)), place(call.int("end", shape.length)));
  return [staticOf("int", [cut.length], cut)];
};

const sizeOf: Row = (call) => [staticOf("int", [], [elementCount(call.operand(0).shape)])];

export const shapes = {
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Shape: shapeOf,
  Size: sizeOf,
} satisfies Record<string, Row>;
