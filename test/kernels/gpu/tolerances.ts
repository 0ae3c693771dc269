import type { opCases } from "../../op-cases/index.ts";

/** Cells that are copied, or products and sums of two, which float32 rounds alike everywhere. */
const exact = { normalizedMeanSquare: 0, maxError: 0 };
/** Sums in another order, fused multiply-adds or none. */
const sums = { normalizedMeanSquare: 1e-12, maxError: 2e-6 };
/** exp, log, division and square root, which a GPU may give to some units in the last place. */
const functions = { normalizedMeanSquare: 4e-12, maxError: 5e-6 };

/**
 * How far each family of op cases, forward and gradient, may be from the reference: the largest difference as a share
 * of the largest value. SwiftShader stays below 8e-7.
 */
export const tolerances: Readonly<Record<keyof typeof opCases, typeof exact>> = {
  activation: functions,
  attention: functions,
  chains: functions,
  concat: exact,
  conv2d: sums,
  crossEntropy: functions,
  depthwiseConv2d: sums,
  dropout: exact,
  elementwise: exact,
  layout: exact,
  linearAttention: functions,
  matmul: sums,
  normalize: functions,
  optimize: functions,
  pad: exact,
  pool: sums,
  reduce: sums,
  slice: exact,
  softmax: functions,
};
