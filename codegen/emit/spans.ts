/** A run of tiles along one axis that all read their inputs alike. */
export interface Span {
  /** First output of the first tile. */
  readonly start: number;
  /** Outputs of one tile. */
  readonly size: number;
  readonly tiles: number;
  /** First input that exists, relative to the first tap of the tile. */
  readonly firstTap: number;
  /** Which of the (size − 1) · stride + kernel taps exist. */
  readonly taps: readonly boolean[];
}

/** One axis of a sliding window. */
export interface Axis {
  readonly input: number;
  readonly output: number;
  readonly kernel: number;
  readonly stride: number;
  /** Cells of padding before the first input. */
  readonly padding: number;
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
    const taps = Array.from({ length: (width - 1) * axis.stride + axis.kernel }, (_, tap) => {
      const cell = first + tap;
      return cell >= 0 && cell < axis.input;
    });
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

/** Instructions that one byte of code must save: keeps rare tiles small. */
export const instructionsPerByte = 4;

/** How many steps of a loop over `of` can be written out, up to `limit`. */
export function largestDivisor(of: number, limit: number): number {
  for (let divisor = limit; divisor > 1; divisor--) if (of % divisor === 0) return divisor;
  return 1;
}
