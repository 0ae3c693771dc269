import { opMacs } from "../../engine/plan/macs.ts";
import type { TilePreference } from "./emitter.ts";
import type { KernelName } from "./kernels.ts";
import { operands } from "./merge.ts";
import type { PlannedBuffer, PlannedStep } from "./plan.ts";

/** What one thread does in a nanosecond: a step takes as long as its multiply-accumulates and its bytes together. */
interface Speed {
  readonly bytes: number;
  /** With wide tiles; half as many with narrow ones. */
  readonly macs?: number;
}

/**
 * Measured over the steps of inference and of training of six networks at batches of 1 to 32. What these say
 * is 0.73 to 1.2 times what the programs take.
 */
const speeds: { readonly [K in KernelName]?: Speed } = {
  convolve: { macs: 50, bytes: 30 },
  convolveFilterGradient: { macs: 40, bytes: 48 },
  winograd: { macs: 90, bytes: 150 },
  winogradFilterGradient: { macs: 90, bytes: 200 },
  depthwise: { macs: 30, bytes: 18 },
  depthwiseFilterGradient: { macs: 20, bytes: 30 },
  attention: { macs: 50, bytes: 15 },
  attentionGradient: { macs: 50, bytes: 12 },
  linearAttention: { macs: 50, bytes: 12 },
  linearAttentionGradient: { macs: 50, bytes: 12 },
  copy: { bytes: 30 },
  pass: { bytes: 30 },
  sumChunks: { bytes: 30 },
  sumPeriods: { bytes: 48 },
  globalAveragePool: { bytes: 48 },
  globalAveragePoolGradient: { bytes: 30 },
  adamW: { bytes: 28 },
  sgd: { bytes: 24 },
  mixPool: { bytes: 15 },
  maxPoolGradient: { bytes: 8 },
  winogradWeights: { bytes: 4 },
  winogradFilterSum: { bytes: 8 },
  expand: { bytes: 4 },
  batchNormTable: { bytes: 12 },
  extents: { bytes: 48 },
  batchNormStatistics: { bytes: 12 },
  batchNormGradientTable: { bytes: 20 },
  crossEntropyRows: { bytes: 0.6 },
  crossEntropyGradient: { bytes: 4 },
};

/** Of the kernels that are not listed. */
const speed: Speed = { bytes: 12 };
/** Nanoseconds to begin a step. */
const start = 150;

/** Nanoseconds that a step takes on one thread: enough to tell what is worth sharing. */
export type Estimate = (step: PlannedStep) => number;

export function estimator(buffers: readonly PlannedBuffer[], tiles: TilePreference): Estimate {
  return (step) => {
    if (step.kernel === "barrier") return 0;
    const { macs = Infinity, bytes } = speeds[step.kernel] ?? speed;
    return start + stepMacs(step) / (tiles === "wide" ? macs : macs / 2) + stepBytes(step, buffers) / bytes;
  };
}

/** Multiply-accumulates of a step: of its ops, where it is the one among their steps that does them. */
export function stepMacs({ kernel, ops }: PlannedStep): number {
  if (kernel === "barrier" || speeds[kernel]?.macs === undefined) return 0;
  return ops.reduce((sum, node) => sum + opMacs(node), 0);
}

/** Of all arrays that a step touches, each counted once. */
export function stepBytes(step: PlannedStep, buffers: readonly PlannedBuffer[]): number {
  return [...new Set(operands(step))].reduce((sum, buffer) => sum + buffers[buffer]!.bytes, 0);
}
