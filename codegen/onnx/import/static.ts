import { DataError } from "../../../engine/errors.ts";
import { elementCount, formatShape, type Shape } from "../../../engine/shape.ts";

export type StaticType = "float" | "int" | "bool";

/** The least and the largest cell of a type of integers. */
export type Bounds = readonly [least: number, largest: number];

/** A value that is known when the model is imported: a weight, or the outcome of shape arithmetic. */
export interface Static {
  readonly kind: "static";
  readonly type: StaticType;
  readonly shape: Shape;
  /** Float32 for floats; integers and truth values as whole numbers. */
  readonly data: Float32Array | Float64Array;
  /** From where to where integers of the type that it was stored in reach, where that is one of 8 bits. */
  readonly bounds?: Bounds;
}

/** More cells than any classifier for a microcontroller has; what is larger is refused before it is allocated. */
const mostCells = 1 << 26;

/** @throws DataError when a shape is not one, or holds more cells than are reasonable */
export function checkSize(shape: Shape): Shape {
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0) || elementCount(shape) > mostCells)
    throw new DataError(`onnx: a tensor of shape ${formatShape(shape)}, at most ${mostCells} cells are read`);
  return shape;
}

export function staticOf(type: StaticType, shape: Shape, values: ArrayLike<number>): Static {
  const data = type === "float" ? Float32Array.from(values) : Float64Array.from(values);
  return { kind: "static", type, shape: checkSize(shape), data };
}

/** Filled cell by cell. */
export function makeStatic(type: StaticType, shape: Shape, value: (index: number) => number): Static {
  const count = elementCount(checkSize(shape));
  const data = type === "float" ? new Float32Array(count) : new Float64Array(count);
  for (let i = 0; i < count; i++) data[i] = value(i);
  return { kind: "static", type, shape, data };
}

/** Cells from one to the next along each axis. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  for (let axis = shape.length - 1, stride = 1; axis >= 0; stride *= shape[axis--]!) strides[axis] = stride;
  return strides;
}

/** Indexes of cells that lie `steps` apart along the axes of a shape, in order. */
export function* walk(shape: Shape, steps: readonly number[], first = 0): Generator<number> {
  const index = shape.map(() => 0);
  const count = elementCount(shape);
  let at = first;
  for (let n = 0; n < count; n++) {
    yield at;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += steps[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      at -= steps[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}

/** The cells at these indexes, under a shape. */
export function picked(x: Static, shape: Shape, indexes: Iterable<number>): Static {
  const cells = indexes[Symbol.iterator]();
  return makeStatic(x.type, shape, () => x.data[cells.next().value as number]!);
}

export function reshaped(x: Static, shape: Shape): Static {
  if (elementCount(shape) !== x.data.length)
    throw new DataError(`onnx: ${formatShape(x.shape)} cannot be reshaped to ${formatShape(shape)}`);
  return { ...x, shape: checkSize(shape) };
}

/** Axis i of the result is axis permutation[i]. */
export function permuted(x: Static, permutation: readonly number[]): Static {
  const strides = stridesOf(x.shape);
  const shape = permutation.map((axis) => x.shape[axis]!);
  if (permutation.every((axis, at) => axis === at)) return x;
  return picked(
    x,
    shape,
    walk(
      shape,
      permutation.map((axis) => strides[axis]!),
    ),
  );
}

/** Repeated along axes of size 1. */
export function broadcast(x: Static, shape: Shape): Static {
  const missing = shape.length - x.shape.length;
  const strides = stridesOf(x.shape);
  const steps = shape.map((_, axis) => ((x.shape[axis - missing] ?? 1) === 1 ? 0 : strides[axis - missing]!));
  return picked(x, checkSize(shape), walk(shape, steps));
}

/** The shape that two shapes are broadcast to. @throws DataError when they do not go together */
export function broadcastShape(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const p = a[axis - rank + a.length] ?? 1;
    const q = b[axis - rank + b.length] ?? 1;
    if (p !== q && p !== 1 && q !== 1)
      throw new DataError(`onnx: ${formatShape(a)} and ${formatShape(b)} cannot be broadcast`);
    return p === 1 ? q : p;
  });
}
