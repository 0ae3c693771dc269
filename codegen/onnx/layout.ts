import type { Shape } from "../../engine/shape.ts";

/**
 * The order in which ONNX holds the values of an activation: all positions of the first channel, then of the next.
 * Ours holds all channels of the first position, then of the next.
 */
export interface Order {
  readonly positions: number;
  readonly channels: number;
}

/** An activation in the ONNX graph. */
export interface OnnxValue {
  readonly name: string;
  /** Our shape, channels last. */
  readonly shape: Shape;
  readonly order: Order;
}

/**
 * Our axes in the order of ONNX, channels before positions: NHWC → NCHW, [n,tokens,c] → [n,c,tokens], and [rows,c] →
 * [c,rows] unless there is one row only.
 */
export function onnxAxes(shape: Shape): readonly number[] {
  if (shape.length === 2) return shape[0] === 1 ? [0, 1] : [1, 0];
  const axes = shape.map((_, axis) => axis);
  return shape.length < 2 ? axes : [0, shape.length - 1, ...axes.slice(1, -1)];
}

export function onnxShape(shape: Shape): Shape {
  return onnxAxes(shape).map((axis) => shape[axis]!);
}

/** Where the channels are in ONNX. */
export function channelAxis(shape: Shape): number {
  return onnxAxes(shape).indexOf(shape.length - 1);
}

/** The order that follows from the axes. Flattened maps are the only values of another one. */
export function naturalOrder(shape: Shape): Order {
  const channels = shape.at(-1) ?? 1;
  return { positions: shape.slice(0, -1).reduce((product, size) => product * size, 1), channels };
}

export function sameOrder(a: Order, b: Order): boolean {
  const plain = (order: Order): boolean => order.positions === 1 || order.channels === 1;
  return (plain(a) && plain(b)) || (a.positions === b.positions && a.channels === b.channels);
}

/** Index in our order of what stands at `index` in the order of ONNX. */
export function ourIndex({ positions, channels }: Order, index: number): number {
  return (index % positions) * channels + Math.floor(index / positions);
}

/** Moves axis permutation[i] of an array to axis i. */
export function permuteValues(values: Float32Array, shape: Shape, permutation: readonly number[]): Float32Array {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const result = new Float32Array(values.length);
  const index = new Array<number>(shape.length).fill(0);
  for (let to = 0; to < result.length; to++) {
    let from = 0;
    for (let axis = 0; axis < index.length; axis++) from += index[axis]! * strides[permutation[axis]!]!;
    result[to] = values[from]!;
    for (let axis = index.length - 1; axis >= 0; axis--) {
      if (++index[axis]! < shape[permutation[axis]!]!) break;
      index[axis] = 0;
    }
  }
  return result;
}
