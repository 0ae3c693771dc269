import { elementCount } from "../../../engine/shape.ts";
import type { Call } from "./call.ts";
import {
  broadcast,
  broadcastShape,
  makeStatic,
  permuted,
  picked,
  stridesOf,
  walk,
  type Static,
  type StaticType,
} from "./static.ts";

/** Computes an operator whose operands are all known. */
type Folding = (call: Call, inputs: readonly Static[]) => readonly Static[];

const each =
  (f: (x: number) => number): Folding =>
  (_, [x]) => [makeStatic(x!.type, x!.shape, (i) => f(x!.data[i]!))];

function combine(a: Static, b: Static, f: (a: number, b: number) => number, type: StaticType = a.type): Static {
  const shape = broadcastShape(a.shape, b.shape);
  const [p, q] = [broadcast(a, shape), broadcast(b, shape)];
  return makeStatic(type, shape, (i) => f(p.data[i]!, q.data[i]!));
}

const pair =
  (f: (a: number, b: number) => number, type?: StaticType): Folding =>
  (call, [first, ...others]) => {
    if (first === undefined || others.length === 0) call.fail("needs two operands");
    return [others.reduce((a, b) => combine(a, b, f, type), first)];
  };

const reduction =
  (start: number, f: (a: number, b: number) => number, finish = (sum: number, _: number) => sum): Folding =>
  (call, [x]) => {
    const { axes, keep } = reductionOf(call, x!.shape.length);
    const strides = stridesOf(x!.shape);
    const kept = x!.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
    const cells = [
      ...walk(
        kept.map((axis) => x!.shape[axis]!),
        kept.map((axis) => strides[axis]!),
      ),
    ];
    const gone = [
      ...walk(
        axes.map((axis) => x!.shape[axis]!),
        axes.map((axis) => strides[axis]!),
      ),
    ];
    const shape = keep
      ? x!.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
      : kept.map((axis) => x!.shape[axis]!);
    return [
      makeStatic(x!.type, shape, (cell) =>
        finish(
          gone.reduce((value, at) => f(value, x!.data[cells[cell]! + at]!), start),
          gone.length,
        ),
      ),
    ];
  };

/** Axes of a reduction: an input of later opsets, an attribute of earlier ones; all where none is given. */
export function reductionOf(call: Call, rank: number): { axes: number[]; keep: boolean } {
  const given = call.integers(1, "axes");
  const none = given === undefined || given.length === 0;
  const axes =
    none && call.int("noop_with_empty_axes", 0) === 1
      ? []
      : none
        ? Array.from({ length: rank }, (_, axis) => axis)
        : given.map((axis) => call.axis(axis, rank));
  return { axes: [...new Set(axes)].sort((a, b) => a - b), keep: call.int("keepdims", 1) === 1 };
}

const truth = (value: boolean): number => (value ? 1 : 0);
/** ONNX divides integers towards zero. */
const divide: Folding = (call, [a, b]) => [
  combine(a!, b!, (p, q) =>
    a!.type === "float" ? p / q : Math.trunc(p / (q === 0 ? call.fail("divides by zero") : q)),
  ),
];

/** Operators that shape arithmetic and constants are made of, beside those that only move cells. */
const foldings: Readonly<Record<string, Folding>> = {
  Add: pair((a, b) => a + b),
  Sub: pair((a, b) => a - b),
  Mul: pair((a, b) => a * b),
  Div: divide,
  Mod: pair((a, b) => a - b * Math.floor(a / b)),
  Pow: pair((a, b) => a ** b),
  Min: pair(Math.min),
  Max: pair(Math.max),
  Equal: pair((a, b) => truth(a === b), "bool"),
  Less: pair((a, b) => truth(a < b), "bool"),
  LessOrEqual: pair((a, b) => truth(a <= b), "bool"),
  Greater: pair((a, b) => truth(a > b), "bool"),
  GreaterOrEqual: pair((a, b) => truth(a >= b), "bool"),
  And: pair((a, b) => truth(a !== 0 && b !== 0)),
  Or: pair((a, b) => truth(a !== 0 || b !== 0)),
  Not: each((x) => truth(x === 0)),
  Neg: each((x) => -x),
  Abs: each(Math.abs),
  Sqrt: each(Math.sqrt),
  Exp: each(Math.exp),
  Log: each(Math.log),
  Floor: each(Math.floor),
  Ceil: each(Math.ceil),
  Reciprocal: each((x) => 1 / x),
  Tanh: each(Math.tanh),
  Relu: each((x) => Math.max(0, x)),
  Sigmoid: each((x) => 1 / (1 + Math.exp(-x))),
  Where: (_, [condition, a, b]) => {
    const shape = broadcastShape(condition!.shape, broadcastShape(a!.shape, b!.shape));
    const [c, p, q] = [condition!, a!, b!].map((x) => broadcast(x, shape)) as [Static, Static, Static];
    return [makeStatic(a!.type, shape, (i) => (c.data[i] !== 0 ? p.data[i]! : q.data[i]!))];
  },
  ReduceSum: reduction(0, (a, b) => a + b),
  ReduceProd: reduction(1, (a, b) => a * b),
  ReduceMax: reduction(-Infinity, Math.max),
  ReduceMin: reduction(Infinity, Math.min),
  ReduceMean: reduction(
    0,
    (a, b) => a + b,
    (sum, count) => sum / count,
  ),
  Range: (_, [start, limit, step]) => {
    const count = Math.max(0, Math.ceil((limit!.data[0]! - start!.data[0]!) / step!.data[0]!));
    return [makeStatic(start!.type, [count], (i) => start!.data[0]! + i * step!.data[0]!)];
  },
  ConstantOfShape: (call, [shape]) => {
    const value = call.tensor("value");
    return [makeStatic(value?.type ?? "float", Array.from(shape!.data), () => value?.data[0] ?? 0)];
  },
  Tile: (_, [x, repeats]) => {
    const shape = x!.shape.map((size, axis) => size * repeats!.data[axis]!);
    const strides = stridesOf(x!.shape);
    const steps = stridesOf(shape);
    return [
      makeStatic(
        x!.type,
        shape,
        (i) =>
          x!.data[
            x!.shape.reduce(
              (at, size, axis) => at + ((Math.floor(i / steps[axis]!) % shape[axis]!) % size) * strides[axis]!,
              0,
            )
          ]!,
      ),
    ];
  },
  Transpose: (call, [x]) => [permuted(x!, call.ints("perm") ?? x!.shape.map((_, axis) => axis).reverse())],
  Expand: (_, [x, shape]) => [broadcast(x!, broadcastShape(x!.shape, Array.from(shape!.data)))],
  Concat: (call, inputs) => {
    const [first] = inputs;
    const axis = call.axis(call.int("axis", 0), first!.shape.length);
    const size = inputs.reduce((sum, x) => sum + x.shape[axis]!, 0);
    const shape = first!.shape.with(axis, size);
    const outer = elementCount(shape.slice(0, axis));
    const cells = function* (): Generator<number> {
      for (let o = 0; o < outer; o++)
        for (const { shape: own, data } of inputs) {
          const run = elementCount(own.slice(axis));
          yield* data.subarray(o * run, (o + 1) * run);
        }
    };
    const values = cells();
    return [makeStatic(first!.type, shape, () => values.next().value as number)];
  },
  Gather: (call, [x, indices]) => {
    const axis = call.axis(call.int("axis", 0), x!.shape.length);
    const size = x!.shape[axis]!;
    const shape = [...x!.shape.slice(0, axis), ...indices!.shape, ...x!.shape.slice(axis + 1)];
    const run = elementCount(x!.shape.slice(axis + 1));
    const outer = elementCount(x!.shape.slice(0, axis));
    const rows = Array.from(indices!.data, (index) => call.axis(index, size));
    const cells = function* (): Generator<number> {
      for (let o = 0; o < outer; o++)
        for (const row of rows) for (let i = 0; i < run; i++) yield (o * size + row) * run + i;
    };
    return [picked(x!, shape, cells())];
  },
  Slice: (call, [x]) => {
    const ranges = slicesOf(call, x!.shape);
    const strides = stridesOf(x!.shape);
    const first = ranges.reduce((sum, { start }, axis) => sum + start * strides[axis]!, 0);
    const shape = ranges.map(({ size }) => size);
    const steps = ranges.map(({ step }, axis) => step * strides[axis]!);
    return [picked(x!, shape, walk(shape, steps, first))];
  },
};

/** What Slice takes of each axis. */
export function slicesOf(
  call: Call,
  shape: readonly number[],
): { readonly start: number; readonly size: number; readonly step: number }[] {
  const starts = Array.from(call.static(1, "starts").data);
  const ends = Array.from(call.static(2, "ends").data);
  const axes = call.optionalStatic(3, "axes")?.data ?? starts.map((_, axis) => axis);
  const steps = call.optionalStatic(4, "steps")?.data ?? starts.map(() => 1);
  const ranges = shape.map((size) => ({ start: 0, size, step: 1 }));
  starts.forEach((_, at) => {
    const axis = call.axis(axes[at]!, shape.length);
    const size = shape[axis]!;
    const step = steps[at]!;
    if (step === 0) call.fail("the step is 0");
    const place = (value: number): number => (value < 0 ? value + size : value);
    const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);
    const start = step > 0 ? clamp(place(starts[at]!), 0, size) : clamp(place(starts[at]!), 0, size - 1);
    const end = step > 0 ? clamp(place(ends[at]!), 0, size) : clamp(place(ends[at]!), -1, size - 1);
    ranges[axis] = { start, size: Math.max(0, Math.ceil((end - start) / step)), step };
  });
  return ranges;
}

/** The outputs of a node whose operands are all known; undefined where it has to be recorded as an op. */
export function fold(call: Call): readonly Static[] | undefined {
  const folding = Object.hasOwn(foldings, call.node.opType) ? foldings[call.node.opType] : undefined;
  const inputs = call.inputs.filter((input) => input !== undefined);
  if (folding === undefined || !inputs.every((input): input is Static => input.kind === "static")) return undefined;
  if (inputs.length === 0) call.fail("has no operands");
  return folding(call, inputs);
}
