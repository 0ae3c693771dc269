import { binary, type BinaryKind } from "../../../../engine/ops/binary.ts";
import { add, multiply, scale } from "../../../../engine/ops/elementwise.ts";
import { bias } from "../../../../engine/ops/matmul.ts";
import { batchNorm } from "../../../../engine/ops/normalize.ts";
import { unary } from "../../../../engine/ops/unary.ts";
import { sameShape, type Shape } from "../../../../engine/shape.ts";
import type { Tensor } from "../../../../engine/tensor.ts";
import type { Call, Operand } from "../call.ts";
import type { Row } from "../row.ts";
import { broadcast, broadcastShape, makeStatic, permuted, reshaped, type Static } from "../static.ts";
import { View, withShape } from "../view.ts";

/** Sums, products and the like of two operands, in the order of cells that the larger one has. */
export function combine(call: Call, kind: BinaryKind, a: Operand, b: Operand): View {
  if (a.kind === "static") {
    if (b.kind === "static") return combine(call, kind, call.constantView(a), b);
    return withConstantFirst(call, kind, a, b);
  }
  return b.kind === "static" ? withConstant(call, kind, a, b) : ofViews(kind, a, b);
}

function padded(shape: Shape, rank: number): Shape {
  return [...new Array<number>(rank - shape.length).fill(1), ...shape];
}

function ofViews(kind: BinaryKind, a: View, b: View): View {
  const shape = broadcastShape(a.shape, b.shape);
  const [x, y] = [a.reshaped(padded(a.shape, shape.length)), b.reshaped(padded(b.shape, shape.length))];
  const leader = sameShape(x.shape, shape) ? x : y;
  const { order } = leader.free();
  if (sameShape(x.shape, y.shape) && (kind === "add" || kind === "multiply")) {
    // The sum stands behind the op that comes last, with nothing between them.
    const [late, early] = x.tensor.node.id >= y.tensor.node.id ? [x, y] : [y, x];
    const own = late.isOrdered(order);
    const first = own ? late.tensor : late.ordered(order);
    const second = withShape(early.isOrdered(order) ? early.tensor : early.ordered(order), first.shape);
    const result = kind === "add" ? add(first, second) : multiply(first, second);
    return own ? late.with(result) : View.of(result, order);
  }
  return View.of(binary(x.ordered(order), y.ordered(order), kind), order);
}

/** One number in place of a constant that holds it everywhere. */
export function uniform({ data }: Static): number | undefined {
  return data.length > 0 && data.every((value) => value === data[0]) ? data[0] : undefined;
}

const negated = (x: Static): Static => makeStatic(x.type, x.shape, (i) => -x.data[i]!);
const inverted = (x: Static): Static => makeStatic("float", x.shape, (i) => 1 / x.data[i]!);

/** Constants come second in the engine. */
function withConstantFirst(call: Call, kind: BinaryKind, a: Static, b: View): View {
  switch (kind) {
    case "add":
    case "multiply":
    case "minimum":
    case "maximum":
      return withConstant(call, kind, b, a);
    case "subtract":
      return withConstant(call, "add", b.with(scale(b.tensor, -1)), a);
    case "divide":
      return withConstant(call, "multiply", b.with(unary(b.tensor, "reciprocal")), a);
    case "power": {
      if (a.data.some((value) => value <= 0)) call.fail("the base must be positive where it is a constant");
      const exponent = withConstant(
        call,
        "multiply",
        b,
        makeStatic("float", a.shape, (i) => Math.log(a.data[i]!)),
      );
      return exponent.with(unary(exponent.tensor, "exp"));
    }
    case "prelu":
      return call.fail("the operand must be an activation");
  }
}

function withConstant(call: Call, kind: BinaryKind, x: View, c: Static): View {
  if (kind === "subtract") return withConstant(call, "add", x, negated(c));
  if (kind === "divide" && c.data.every((value) => Math.abs(value) > 2 ** -126))
    return withConstant(call, "multiply", x, inverted(c));
  const value = uniform(c);
  const shape = broadcastShape(x.shape, c.shape);
  if (value !== undefined && sameShape(shape, x.shape)) {
    const result = withNumber(kind, x.tensor, value);
    if (result !== undefined) return x.with(result);
  }
  const aligned = x.reshaped(padded(x.shape, shape.length));
  const { tensor, order } = aligned.free();
  const table = permuted(reshaped(c, padded(c.shape, shape.length)), order);
  const channels = tensor.shape.at(-1) ?? 1;
  const own = aligned.tensor.shape.at(-1) === channels && aligned.isOrdered(order);
  if (own && table.data.length === channels && table.shape.at(-1) === channels) {
    // Nothing stands between the op before and its bias.
    const result = withVector(call, kind, aligned.tensor, reshaped(table, [channels]));
    if (result !== undefined) return aligned.with(result);
  }
  return View.of(withTable(call, kind, tensor, table), order);
}

/** x and a vector over its channels; undefined where that takes a table with axes. */
function withVector(call: Call, kind: BinaryKind, x: Tensor, vector: Static): Tensor | undefined {
  const channels = x.shape.at(-1)!;
  if (kind === "add") return bias(x, call.table("bias", vector));
  if (kind !== "multiply" || x.shape.length < 2) return undefined;
  const filled = (name: string, value: number): Tensor =>
    call.weight(name, [channels], () => new Float32Array(channels).fill(value));
  const affine = { gamma: call.table("gamma", vector), beta: filled("beta", 0) };
  return batchNorm(x, filled("mean", 0), filled("variance", 1), affine, 0);
}

/** A function of x and one number; undefined where it takes a table. */
function withNumber(kind: BinaryKind, x: Tensor, value: number): Tensor | undefined {
  const largest = 3.4028234663852886e38;
  if (kind === "add") return value === 0 ? x : undefined;
  if (kind === "multiply") return value === 1 ? x : scale(x, value);
  if (kind === "minimum") return unary(x, "clip", -largest, value);
  if (kind === "maximum") return unary(x, "clip", value, largest);
  if (kind === "prelu") return unary(x, "leakyRelu", value);
  if (kind !== "power") return undefined;
  if (value === 1) return x;
  if (value === 2) return multiply(x, x);
  if (value === 0.5) return unary(x, "sqrt");
  if (value === -1) return unary(x, "reciprocal");
  return unary(x, "power", value);
}

/** x and a constant with axes of as many. */
function withTable(call: Call, kind: BinaryKind, x: Tensor, table: Static): Tensor {
  const channels = x.shape.at(-1) ?? 1;
  if (table.data.length === 1 && kind === "add")
    return bias(x, call.table("bias", broadcast(reshaped(table, [1]), [channels])));
  const vector = table.data.length === channels && table.shape.at(-1) === channels;
  const result = vector ? withVector(call, kind, x, reshaped(table, [channels])) : undefined;
  if (result !== undefined) return result;
  if (sameShape(table.shape, x.shape)) {
    if (kind === "add") return addTable(call, x, table);
    if (kind === "multiply") return multiply(x, call.table("table", table));
  }
  return binary(x, call.table("table", table), kind);
}

/** A sum with two tables is one with their sum. */
function addTable(call: Call, x: Tensor, table: Static): Tensor {
  const { node } = x;
  const [before, slot] = node.kind === "op" && node.op === "add" ? node.inputs : [];
  if (before !== undefined && slot?.node.kind === "slot") {
    const earlier = slot.node.slot;
    const sum = call.weight("table", table.shape, () => earlier.initial().map((value, i) => value + table.data[i]!));
    return add(before, sum);
  }
  return add(x, call.table("table", table));
}

export const combining =
  (kind: BinaryKind): Row =>
  (call) => {
    const operands = call.inputs.filter((input) => input !== undefined);
    // Those of more than two, as of Max, may come in any order: a constant takes the layout of what it meets.
    if (operands.length > 2) operands.sort((a, b) => Number(a.kind === "static") - Number(b.kind === "static"));
    const [first, ...others] = operands;
    if (first === undefined) call.fail("has no operands");
    return [others.reduce<Operand>((a, b) => combine(call, kind, a, b), first)];
  };
