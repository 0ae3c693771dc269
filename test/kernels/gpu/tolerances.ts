import type { Tolerance } from "../../op-cases/harness.ts";
import type { Family } from "../../op-cases/index.ts";

/** Cells that are copied, or products and sums of two: one rounding less where such are computed in one. */
const rounding: Tolerance = { normalizedMeanSquare: 1e-14, maxError: 1.2e-7, zeroError: 0 };
/** Sums in another order, fused multiply-adds or none. */
const sums: Tolerance = { normalizedMeanSquare: 1e-12, maxError: 2e-6, zeroError: 0 };
/** exp, log, division and square root, which a GPU may give to some units in the last place. */
const functions: Tolerance = { normalizedMeanSquare: 2.5e-11, maxError: 5e-6, zeroError: 1e-6 };

/**
 * How far each family of op cases, forward and gradient, may be from the reference: the largest difference as a share
 * of the largest value. SwiftShader copies cells exactly and stays below 8e-7, but for gradients of exponentials whose
 * terms cancel (softmax of large values, linear attention: 4.6e-6).
 */
export const tolerances: Readonly<Record<Family, Tolerance>> = {
  activation: functions,
  attention: functions,
  batchMatmul: sums,
  binary: functions,
  chains: functions,
  concat: rounding,
  conv2d: sums,
  crossEntropy: functions,
  depthwiseConv2d: sums,
  dropout: rounding,
  elementwise: rounding,
  fakeQuantize: functions,
  gather: rounding,
  layout: rounding,
  linearAttention: functions,
  matmul: sums,
  normalize: functions,
  optimize: functions,
  pad: rounding,
  pool: sums,
  reduce: sums,
  reduceAxes: sums,
  slice: rounding,
  softmax: functions,
  unary: functions,
};
