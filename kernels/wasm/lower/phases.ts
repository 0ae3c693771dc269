/** Along one axis: the cells of an input gradient that the same taps of the kernel reach. */
export interface AxisPhase {
  /** First cell, every stride-th of which belongs to this phase, and how many there are. */
  readonly first: number;
  readonly count: number;
  /** Taps of the kernel, in the order of the output gradient's cells. */
  readonly taps: readonly number[];
  /** First cell of the output gradient that the first cell needs, counted from the border's start. */
  readonly start: number;
}

/**
 * An input gradient is a convolution of the output gradient with the kernel turned round. With a stride it falls apart
 * into one ordinary convolution per phase of the stride. `border` is what they need before the output gradient.
 */
export function inputGradientPhases(
  size: number,
  kernel: number,
  stride: number,
  padding: number,
): { readonly phases: readonly AxisPhase[]; readonly border: number } {
  const phases = Array.from({ length: Math.min(stride, size) }, (_, first) => {
    const tap = (first + padding) % stride;
    const taps = Array.from({ length: Math.max(0, Math.ceil((kernel - tap) / stride)) }, (_, i) => tap + stride * i);
    const start = (first + padding - tap) / stride - (taps.length - 1);
    return { first, count: Math.ceil((size - first) / stride), taps: taps.reverse(), start };
  });
  const starts = phases.filter(({ taps }) => taps.length > 0).map(({ start }) => start);
  const border = starts.length === 0 ? 0 : -Math.min(...starts);
  return { phases: phases.map((phase) => ({ ...phase, start: phase.start + border })), border };
}
