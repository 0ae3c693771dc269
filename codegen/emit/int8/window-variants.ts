import { spansOf, type Axis, type Span } from "../spans.ts";

/** The sets of taps that exist for the windows of an image: in the middle, at each border, at each corner. */
export interface Variants {
  /** Of rows, and of columns. */
  readonly rows: number;
  readonly columns: number;
  /** [row, column] of the taps that exist, for [row variant][column variant] in one list. */
  readonly taps: readonly (readonly (readonly [number, number])[])[];
  /** C expression of the row variant of a row, times `step`. */
  readonly rowText: (row: string, step: number) => string;
  /** The row variant of output rows of a span, and the column variant of output columns. */
  readonly row: (span: Span, output: number) => number;
  readonly column: (span: Span, output: number) => number;
}

interface AxisVariants {
  readonly count: number;
  /** Taps that exist, by variant. */
  readonly taps: readonly (readonly number[])[];
  readonly of: (span: Span, output: number) => number;
  /** First output and variant of each run. */
  readonly runs: readonly { readonly start: number; readonly variant: number }[];
}

function axisVariants(axis: Axis): AxisVariants {
  const known = new Map<string, number>();
  const taps: number[][] = [];
  const of = (span: Span, output: number): number => {
    const existing = Array.from({ length: axis.kernel }, (_, tap) => tap).filter(
      (tap) => span.taps[output * axis.stride + tap * axis.dilation],
    );
    const key = existing.join();
    const variant = known.get(key) ?? taps.push(existing) - 1;
    known.set(key, variant);
    return variant;
  };
  const runs = spansOf(axis, 1, false).map((span) => ({ start: span.start, variant: of(span, 0) }));
  return { count: taps.length, taps, of, runs };
}

export function windowVariants(rows: Axis, columns: Axis): Variants {
  const down = axisVariants(rows);
  const across = axisVariants(columns);
  return {
    rows: down.count,
    columns: across.count,
    taps: down.taps.flatMap((inRow) =>
      across.taps.map((inColumn) => inRow.flatMap((row) => inColumn.map((column) => [row, column] as const))),
    ),
    rowText: (row, step) =>
      down.runs.reduceRight(
        (rest, { variant }, index) =>
          index === down.runs.length - 1
            ? `${variant * step}`
            : `${row} < ${down.runs[index + 1]!.start} ? ${variant * step} : ${rest}`,
        "",
      ),
    row: down.of,
    column: across.of,
  };
}
