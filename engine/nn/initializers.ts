import { randomNormals, randomUniforms, streams } from "../random.ts";
import { elementCount, type Shape } from "../shape.ts";

/** First values of a parameter, a pure function of its shape and a key of integers. */
export type Initializer = (shape: Shape, ...key: readonly number[]) => Float32Array;

/** Inputs that one output of a weight sums over: all axes but the last, or the window of a depthwise filter. */
function fanIn(shape: Shape): number {
  return elementCount(shape.slice(0, -1));
}

export const zeros: Initializer = (shape) => new Float32Array(elementCount(shape));
export const ones: Initializer = (shape) => new Float32Array(elementCount(shape)).fill(1);

/** N(0, 2 / fan-in) (He et al. 2015), for layers that end in ReLU. */
export const heNormal: Initializer = (shape, ...key) => {
  const deviation = Math.sqrt(2 / fanIn(shape));
  const normals = randomNormals(elementCount(shape), streams.initialize, ...key);
  return new Float32Array(normals.map((value) => deviation * value));
};

/** U(−1/√fan-in, 1/√fan-in), PyTorch's default of linear layers. */
export const fanInUniform: Initializer = (shape, ...key) => {
  const bound = 1 / Math.sqrt(fanIn(shape));
  const uniforms = randomUniforms(elementCount(shape), streams.initialize, ...key);
  return new Float32Array(uniforms.map((value) => bound * (2 * value - 1)));
};
