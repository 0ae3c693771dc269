/** Along one axis: the cells of an input gradient that the same taps of the kernel reach. */
interface AxisPhase {
  /** First cell, every stride-th of which belongs to this phase, and how many there are. */
  readonly first: number;
  readonly count: number;
  /** Taps of the kernel, in the order of the output gradient's cells. */
  readonly taps: readonly number[];
  /** First cell of the output gradient that the first cell needs, counted from the border's start. */
  readonly start: number;
}

interface AxisPhases {
  readonly phases: readonly AxisPhase[];
  /** Cells that the phases need before the output gradient. */
  readonly border: number;
  /** Cells of the output gradient from one tap of a phase to the next. */
  readonly spacing: number;
}

/**
 * An input gradient is a convolution of the output gradient with the kernel turned round. With a stride it falls apart
 * into one ordinary convolution per phase of the stride.
 */
export function inputGradientPhases(
  size: number,
  kernel: number,
  stride: number,
  padding: number,
  dilation: number,
): AxisPhases {
  const shared = greatestDivisor(stride, dilation);
  const phases = Array.from({ length: Math.min(stride, size) }, (_, first) => {
    const taps = Array.from({ length: kernel }, (_, index) => kernel - 1 - index).filter(
      (tap) => (first + padding - tap * dilation) % stride === 0,
    );
    const start = taps.length === 0 ? undefined : (first + padding - taps[0]! * dilation) / stride;
    return { first, count: Math.ceil((size - first) / stride), taps, start };
  });
  const starts = phases.flatMap(({ start }) => start ?? []);
  const border = starts.length === 0 ? 0 : -Math.min(...starts);
  return {
    phases: phases.map((phase) => ({ ...phase, start: phase.start === undefined ? 0 : phase.start + border })),
    border,
    spacing: dilation / shared,
  };
}

export function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}

/** Cells from the first to the last of so many taps. */
export function extentOf(taps: number, spacing: number): number {
  return taps === 0 ? 0 : (taps - 1) * spacing + 1;
}
