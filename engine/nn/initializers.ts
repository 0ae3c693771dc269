import { randomNormal, randomUniform, streams } from "../random.ts";
import { elementCount, type Shape } from "../shape.ts";

/** First values of a parameter, a pure function of its shape and a key of integers. */
export type Initializer = (shape: Shape, ...key: readonly number[]) => Float32Array;

/** Inputs that one output of a weight sums over: all axes but the last, or the window of a depthwise filter. */
function fanIn(shape: Shape): number {
  return elementCount(shape.slice(0, -1));
}

function filled(shape: Shape, value: (index: number) => number): Float32Array {
  return Float32Array.from({ length: elementCount(shape) }, (_, index) => value(index));
}

export const zeros: Initializer = (shape) => filled(shape, () => 0);
export const ones: Initializer = (shape) => filled(shape, () => 1);

/** N(0, 2 / fan-in) (He et al. 2015), for layers that end in ReLU. */
export const heNormal: Initializer = (shape, ...key) => {
  const deviation = Math.sqrt(2 / fanIn(shape));
  return filled(shape, (index) => deviation * randomNormal(streams.initialize, ...key, index));
};

/** U(−1/√fan-in, 1/√fan-in), PyTorch's default of linear layers. */
export const fanInUniform: Initializer = (shape, ...key) => {
  const bound = 1 / Math.sqrt(fanIn(shape));
  return filled(shape, (index) => bound * (2 * randomUniform(streams.initialize, ...key, index) - 1));
};
