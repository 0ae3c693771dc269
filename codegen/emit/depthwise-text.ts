import { range } from "../../engine/range.ts";
import { rowAt, type Room } from "./rows.ts";
import { bySpan, clampedTaps, extentOf, overSpan, spansOf, type Axis, type Span } from "./spans.ts";

/** A depthwise convolution of any type of numbers as C: channels one after the other, with their kernels at `w`. */
export interface DepthwiseText {
  readonly rows: Axis;
  readonly columns: Axis;
  readonly channels: number;
  /** Cells from one row of the input to the next. */
  readonly rowStep: number;
  /** Rows of the input, where a call computes some rows. */
  readonly room: Room | undefined;
  /** C types. */
  readonly types: { readonly cell: string; readonly weight: string; readonly sum: string };
  /** Declares what a channel shares. */
  readonly open: readonly string[];
  readonly store: (sum: string, cell: string) => string;
}

/** Tiles of one row whose kernel is read as it is needed. */
interface Streamed {
  readonly width: number;
  /** Declares what a row of tiles shares. */
  readonly row: readonly string[];
  /** What the sum of a pixel starts from. */
  readonly start: (across: Span, pixel: number) => string;
  /** A cell as it is multiplied. */
  readonly operand: (cell: string) => string;
}

/** All channels, one after the other. */
export function overChannels({ rows, columns, channels, open }: DepthwiseText, body: readonly string[]): string[] {
  return [`for (int c = 0; c < ${channels}; c++) {`, ...open, ...body, `w += ${rows.kernel * columns.kernel};`, "}"];
}

/** The kernel in k0, k1, … in front of tiles. Where padding is wide, some taps only ever meet zeros. */
export function withTaps({ rows, columns, types }: DepthwiseText, tiles: readonly string[]): string[] {
  const text = tiles.join("\n");
  const used = range(rows.kernel * columns.kernel).filter((tap) => new RegExp(`\\bk${tap}\\b`).test(text));
  const taps = used.map((tap) => `k${tap} = w[${tap}]`).join(", ");
  return [used.length > 0 ? `const ${types.sum} ${taps};` : "(void)w;", ...tiles];
}

/** Tiles with the whole kernel in registers. @param tileText reads `x`, or where a call computes some rows `row0`, … */
export function residentBody(
  text: DepthwiseText,
  { height, width }: { readonly height: number; readonly width: number },
  tileText: (down: Span, across: Span) => string,
): string[] {
  const { rows, columns, rowStep, room, types } = text;
  const acrossTiles = (down: Span): string[] =>
    spansOf(columns, width, false).map((across) => overSpan(across, "x0", tileText(down, across)));
  const downs = spansOf(rows, height, false);
  if (room === undefined) {
    const tiles = downs.map((down) => overSpan(down, "y0", acrossTiles(down).join("\n")));
    return overChannels(text, withTaps(text, tiles));
  }
  return bySpan(downs, (down) => {
    const tiles = withTaps(text, acrossTiles(down));
    const used = tiles.join("\n");
    const pointers = down.taps.flatMap((_, row) => {
      const at = `(oy * ${rows.stride} + ${row} - ${rows.padding})`;
      return new RegExp(`\\brow${row}\\b`).test(used)
        ? [`const ${types.cell} *const row${row} = ${rowAt("x", room, at, rowStep)};`]
        : [];
    });
    return [...pointers, ...overChannels(text, tiles)];
  });
}

/**
 * A row of a tile at a time. Expects `from`, `to`, `kernel` and `row` in scope, and `taps` in place of `row` where a call
 * computes some rows.
 */
function streamedTile(text: DepthwiseText, { start, operand }: Streamed, across: Span): string {
  const { rows, columns, channels, rowStep, room, types, store } = text;
  const left = `(x0 * ${columns.stride} + ${across.firstTap} - ${columns.padding}) * ${channels}`;
  const pixels = range(across.size);
  const lines = [
    `${types.sum} ${pixels.map((pixel) => `a${pixel} = ${start(across, pixel)}`).join(", ")};`,
    ...(room ? [] : [`const ${types.cell} *in = row + ${left};`]),
    `const ${types.weight} *k = kernel;`,
    `const int o = ${room ? "x0" : `(oy * ${columns.output} + x0)`} * ${channels} + c;`,
  ];
  if (across.taps.some((exists) => exists)) {
    lines.push("for (int ky = from; ky < to; ky++) {", `${types.sum} v;`);
    if (room) lines.push(`const ${types.cell} *const in = taps[ky] + c + ${left};`);
    for (let tap = 0; tap < columns.kernel; tap++) {
      const columnOf = (pixel: number): number => pixel * columns.stride + tap * columns.dilation;
      const used = pixels.filter((pixel) => across.taps[columnOf(pixel)]);
      if (used.length === 0) continue;
      lines.push(`v = k[${tap}];`);
      for (const pixel of used)
        lines.push(`a${pixel} += v * ${operand(`in[${(columnOf(pixel) - across.firstTap) * channels}]`)};`);
    }
    if (!room) lines.push(`in += ${rows.dilation * rowStep};`);
    lines.push(`k += ${columns.kernel};`, "}");
  }
  for (const pixel of pixels) lines.push(store(`a${pixel}`, `o + ${pixel * channels}`));
  return lines.join("\n");
}

/** Tiles of one row, for kernels that do not fit in registers. */
export function streamedBody(text: DepthwiseText, streamed: Streamed): string[] {
  const { rows, columns, rowStep, room, types } = text;
  const { from, to } = clampedTaps(rows, "top");
  const bounds = [
    `const int top = oy * ${rows.stride} - ${rows.padding};`,
    `const int above = top < 0 ? ${from} : 0;`,
    `const int from = above < ${rows.kernel} ? above : ${rows.kernel};`,
    `const int below = top + ${extentOf(rows)} > ${rows.input} ? ${to} : ${rows.kernel};`,
    `const int to = below > from ? below : from;`,
    ...streamed.row,
  ];
  const tiles = [
    `const ${types.weight} *const kernel = w + from * ${columns.kernel};`,
    ...spansOf(columns, streamed.width, false).map((across) =>
      overSpan(across, "x0", streamedTile(text, streamed, across)),
    ),
  ];
  const dilated = (tap: string): string => (rows.dilation === 1 ? tap : `${tap} * ${rows.dilation}`);
  if (room === undefined)
    return overChannels(text, [
      `for (int oy = 0; oy < ${rows.output}; oy++) {`,
      ...bounds,
      `const ${types.cell} *const row = x + c + (from < to ? (top + ${dilated("from")}) * ${rowStep} : 0);`,
      ...tiles,
      "}",
    ]);
  return [
    ...bounds,
    `const ${types.cell} *taps[${rows.kernel}];`,
    "for (int ky = from; ky < to; ky++) {",
    `taps[ky] = ${rowAt("x", room, `(top + ${dilated("ky")})`, rowStep)};`,
    "}",
    ...overChannels(text, tiles),
  ];
}
