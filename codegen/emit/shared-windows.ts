import type { InferenceOp } from "../../engine/ops/vocabulary.ts";
import type { LayerCall } from "./emitter.ts";
import type { OpenEpilogue } from "./open-epilogue.ts";
import { rowAt } from "./rows.ts";
import { extentOf, type Axis } from "./spans.ts";

/** Windows that slide over an image, as kernels that take all sizes at run time know them. */
export interface Windows {
  readonly rows: Axis;
  readonly columns: Axis;
  /** Cells of a pixel of the input and of the output. */
  readonly inChannels: number;
  readonly outChannels: number;
}

/** Windows of each channel by itself. */
export interface ChannelWindows extends Pick<Windows, "rows" | "columns"> {
  readonly channels: number;
}

/** Whether each window has taps inside, and never lacks some at both ends of an axis. */
export function hasPlainWindows({ rows, columns }: Pick<Windows, "rows" | "columns">): boolean {
  const plain = (axis: Axis): boolean => {
    const { kernel, padding, input, dilation } = axis;
    const after = missingAfter(axis);
    return dilation === 1 && padding < kernel && after < kernel && (kernel <= input || Math.max(padding, after) === 0);
  };
  return plain(rows) && plain(columns);
}

/** Taps of the last window that lie behind the image. */
export function missingAfter(axis: Axis): number {
  const { input, output, stride, padding } = axis;
  return Math.max(0, (output - 1) * stride + extentOf(axis) - padding - input);
}

/** Fields of the record of the windows of a layer. */
export function windowFields(
  { rows, columns, inChannels, outChannels }: Windows,
  { rows: rowwise, turn }: Pick<LayerCall, "rows" | "turn">,
): Record<string, number> {
  return {
    ...{ rows: rows.input, columns: columns.input, room: rowwise?.x[0]?.rows ?? rows.input },
    ...{ in_channels: inChannels, out_channels: outChannels },
    ...{ out_rows: rows.output, out_columns: columns.output, turn: turn ?? rows.output },
    ...{ kernel_rows: rows.kernel, kernel_columns: columns.kernel },
    ...{ row_stride: rows.stride, column_stride: columns.stride },
    ...{ row_padding: rows.padding, column_padding: columns.padding },
  };
}

/** Declares what all windows have in common; the kernel computes rows from `oy` on, as many as a call does. */
export const sizesText: readonly string[] = [
  "const int kernel_rows = sizes->kernel_rows, kernel_columns = sizes->kernel_columns, room = sizes->room;",
  "const int in_channels = sizes->in_channels, row_step = sizes->columns * in_channels;",
  "const int rows_end = oy + sizes->turn < sizes->out_rows ? oy + sizes->turn : sizes->out_rows;",
];

/**
 * A loop over the rows of windows of a call, `at` in the output: taps `from` to before `to` exist, the first of them in
 * row `top` of the room.
 */
export function overRows(body: readonly string[]): string[] {
  return [
    "for (int row = oy, at = 0; row < rows_end; row++, at += sizes->out_columns) {",
    "const int above = row * sizes->row_stride - sizes->row_padding;",
    "const int from = above < 0 ? -above : 0;",
    "const int to = above + kernel_rows > sizes->rows ? sizes->rows - above : kernel_rows;",
    "const int top = (above + from) % room;",
    ...body,
    "}",
  ];
}

/** Declares what a window has: taps `first` to before `last` exist, the first in column `left + first`. */
export const windowText: readonly string[] = [
  "const int left = ox * sizes->column_stride - sizes->column_padding;",
  "const int first = left < 0 ? -left : 0;",
  "const int last = left + kernel_columns > sizes->columns ? sizes->columns - left : kernel_columns;",
];

/** A loop over the rows of taps that exist, with `taps` at the first cell of each. @param type of the cells */
export function overTaps(body: readonly string[], type = "int8_t"): string[] {
  return [
    "for (int ky = from, place = top; ky < to; ky++) {",
    `const ${type} *const taps = x + place * row_step + (left + first) * in_channels;`,
    "place = place + 1 == room ? 0 : place + 1;",
    ...body,
    "}",
  ];
}

/** What a kernel in float32 is written of. */
interface RowKernel {
  readonly kind: string;
  readonly about: string;
  readonly epilogue: OpenEpilogue;
  /** Parameters and arguments besides those of all such kernels. */
  readonly given: readonly (readonly [parameter: string, argument: string])[];
  readonly body: readonly string[];
}

/** Defines a kernel in float32 that computes rows of a layer, and calls it for one row or for all. */
export function emitFloatRows<K extends InferenceOp>(
  call: LayerCall<K>,
  windows: Windows,
  { kind, about, epilogue, given, body }: RowKernel,
): string {
  const { unit, rows } = call;
  const kernel = unit.define(
    kind,
    [
      `const struct ${unit.prefix}_float_windows *sizes`,
      ...["const float *x", "float *y", "int oy"],
      ...given.map(([parameter]) => parameter),
      ...epilogue.parameters,
    ],
    [...sizesText, ...body].join("\n"),
    { about, result: `${unit.prefix.toUpperCase()}_NOINLINE void` },
  );
  const { perChannel, perCell, others } = epilogue.arguments(0, 0);
  const y = rows ? rowAt(call.y, rows.y, rows.row, windows.columns.output * windows.outChannels) : call.y;
  const sizes = unit.record("float_windows", {
    ...windowFields(windows, call),
    ...{ row_dilation: windows.rows.dilation, column_dilation: windows.columns.dilation },
  });
  const table = given.map(([, argument]) => argument);
  return `${kernel}(${[sizes, call.x[0]!, y, rows?.row ?? "0", ...table, ...perChannel, ...perCell, ...others].join(", ")});`;
}
