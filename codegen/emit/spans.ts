import type { Sliding } from "../../engine/ops/vocabulary.ts";
import type { Pair, Shape } from "../../engine/shape.ts";

/** A run of tiles along one axis that all read their inputs alike. */
export interface Span {
  /** First output of the first tile. */
  readonly start: number;
  /** Outputs of one tile. */
  readonly size: number;
  readonly tiles: number;
  /** First input that exists, relative to the first tap of the tile. */
  readonly firstTap: number;
  /** Which of the cells from the first tap to the last are read: they exist, and a window has a tap there. */
  readonly taps: readonly boolean[];
}

/** One axis of a sliding window. */
export interface Axis {
  readonly input: number;
  readonly output: number;
  readonly kernel: number;
  readonly stride: number;
  /** Cells from one tap to the next. */
  readonly dilation: number;
  /** Cells of padding before the first input. */
  readonly padding: number;
}

/** An axis of one row, or of pixels that are looked at one by one. */
export function plainAxis(size: number): Axis {
  return { input: size, output: size, kernel: 1, stride: 1, dilation: 1, padding: 0 };
}

/** Both axes of a kernel that slides over an image: x [1,h,w,c], y [1,h',w',c']. */
export function slidingAxes(
  x: Shape,
  y: Shape,
  kernel: Pair,
  { stride, padding, dilation = [1, 1] }: Sliding & { readonly dilation?: Pair },
): { readonly rows: Axis; readonly columns: Axis } {
  const axis = (at: 0 | 1): Axis => ({
    ...{ input: x[at + 1]!, output: y[at + 1]!, kernel: kernel[at] },
    ...{ stride: stride[at], dilation: dilation[at], padding: padding[2 * at]! },
  });
  return { rows: axis(0), columns: axis(1) };
}

/** Cells from the first tap to the last. */
export function extentOf({ kernel, dilation }: Axis): number {
  return (kernel - 1) * dilation + 1;
}

/** For the comments of generated code. */
export function dilationText(rows: Axis, columns: Axis): string {
  return rows.dilation === 1 && columns.dilation === 1 ? "" : `, dilation ${rows.dilation}x${columns.dilation}`;
}

/** The taps of a window whose first tap is at cell `top` (a C expression) that are inside: from `from` to before `to`. */
export function clampedTaps({ input, dilation }: Axis, top: string): { from: string; to: string } {
  const taps = (cells: string): string => (dilation === 1 ? cells : `(${cells} + ${dilation - 1}) / ${dilation}`);
  return { from: taps(`-${top}`), to: taps(`${input} - ${top}`) };
}

/** Sizes of the tiles that cover `count` outputs: as many of `size` as fit and the rest, or all as even as can be. */
function tileSizes(count: number, size: number, even: boolean): number[] {
  const tiles = Math.ceil(count / size);
  const large = count - tiles * Math.floor(count / tiles);
  return Array.from({ length: tiles }, (_, tile) =>
    even ? Math.floor(count / tiles) + (tile < large ? 1 : 0) : Math.min(size, count - tile * size),
  );
}

/** Covers an axis with tiles of up to `size` outputs. Tiles at the borders leave out the taps that are padding. */
export function spansOf(axis: Axis, size: number, even: boolean): Span[] {
  const spans: Span[] = [];
  let start = 0;
  for (const width of tileSizes(axis.output, size, even)) {
    const first = start * axis.stride - axis.padding;
    const taps = new Array<boolean>((width - 1) * axis.stride + extentOf(axis)).fill(false);
    for (let output = 0; output < width; output++)
      for (let tap = 0; tap < axis.kernel; tap++) {
        const at = output * axis.stride + tap * axis.dilation;
        taps[at] = first + at >= 0 && first + at < axis.input;
      }
    const before = spans.at(-1);
    if (before !== undefined && before.size === width && taps.every((exists, tap) => exists === before.taps[tap]))
      spans[spans.length - 1] = { ...before, tiles: before.tiles + 1 };
    else spans.push({ start, size: width, tiles: 1, firstTap: Math.max(0, taps.indexOf(true)), taps });
    start += width;
  }
  return spans;
}

/** A loop over the tiles of a span with `variable` at the first output of each, or one block where there is but one. */
export function overSpan(span: Span, variable: string, body: string): string {
  const { start, size, tiles } = span;
  return tiles === 1
    ? `{\nenum { ${variable} = ${start} };\n${body}\n}`
    : `for (int ${variable} = ${start}; ${variable} < ${start + size * tiles}; ${variable} += ${size}) {\n${body}\n}`;
}

/** What is done for the rows of each span, chosen by the first row `oy` of a tile. */
export function bySpan(spans: readonly Span[], body: (span: Span) => readonly string[]): string[] {
  if (spans.length === 1) return [...body(spans[0]!)];
  return spans.flatMap((span, index) => [
    index === spans.length - 1 ? "{" : `if (oy < ${span.start + span.size * span.tiles}) {`,
    ...body(span),
    index === spans.length - 1 ? "}" : "} else",
  ]);
}

/** Instructions that a byte of code with vectors must save: keeps rare tiles small. */
export const instructionsPerByte = 4;

/** How many steps of a loop over `of` can be written out, up to `limit`. */
export function largestDivisor(of: number, limit: number): number {
  for (let divisor = limit; divisor > 1; divisor--) if (of % divisor === 0) return divisor;
  return 1;
}
