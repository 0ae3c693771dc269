import type { Pair } from "../../../engine/shape.ts";
import type { Emitter, Operand } from "../emitter.ts";
import { extentOf } from "./phases.ts";
import { alignUp, cutStrips, stripArguments, type Strips, type Windows } from "./strips.ts";
import { paddedColumns, sumTiles, tileTable, type ColumnTile } from "./tiles.ts";

export interface FilterGradient extends Omit<Windows, "windowRows" | "reach" | "width"> {
  readonly dy: Operand;
  readonly outRows: number;
  readonly outColumns: number;
  readonly outChannels: number;
  readonly kernel: Pair;
  /** Cells of the image from one tap of the kernel to the next. */
  readonly spacing: Pair;
  readonly groups: number;
  /** [kernel height · kernel width · channels / groups, outChannels] */
  readonly dw: Operand;
}

/** A sum over a batch is cut into this many partial sums, or fewer when there is little to sum. */
export const chunkCount = 8;
const leastWindows = 32;
/** Floats of x and dy that one pass over the tiles should find in the first-level cache. */
const passFloats = 8192;

export interface ChunkedSums {
  readonly strips: Strips;
  readonly sums: Operand;
  readonly chunkBytes: number;
  readonly groups: number;
  readonly groupBytes: number;
}

/** Cuts the windows of a batch by their shape alone: the number of threads must not change the order of additions. */
export function chunkedSums(
  emit: Emitter,
  windows: Windows,
  rows: number,
  tiles: readonly ColumnTile[],
  groups = 1,
): ChunkedSums {
  const least = Math.max(1, Math.floor(leastWindows / windows.width));
  const most = Math.max(least, Math.ceil((windows.images * windows.windowRows) / chunkCount));
  const strips = cutStrips(emit, windows, most, 1, 0);
  const chunks = Math.min(chunkCount, strips.units);
  const groupBytes = 4 * rows * paddedColumns(tiles);
  const chunkBytes = alignUp(groups * groupBytes, 64);
  return { strips: { ...strips, chunks }, chunkBytes, sums: emit.scratch(chunks * chunkBytes), groups, groupBytes };
}

/** Rows of windows whose x and dy fit in the first-level cache. */
export function passRows(windows: Windows, dyFloats: number): number {
  return Math.max(1, Math.floor(passFloats / (windows.step[0] * windows.width * windows.channels + dyFloats)));
}

/** Emits the sum of the chunks into y [rows][groups][columns]. */
export function emitChunkSum(
  emit: Emitter,
  y: Operand,
  { sums, chunkBytes, strips: { chunks }, groups, groupBytes }: ChunkedSums,
  rows: number,
  columns: number,
  table: Operand,
  tileCount: number,
): void {
  emit.step("sumChunks", [y, sums, chunkBytes, chunks, rows, columns, groups, groupBytes, table, tileCount]);
}

/** Emits dw = Σ over windows of x · dy. */
export function emitFilterGradient(emit: Emitter, gradient: FilterGradient): void {
  const { channels, step, dy, outRows, outColumns, outChannels, kernel, spacing, groups, dw } = gradient;
  const windows: Windows = {
    ...gradient,
    windowRows: outRows,
    reach: extentOf(kernel[0], spacing[0]),
    width: (outColumns - 1) * step[1] + extentOf(kernel[1], spacing[1]),
  };
  const inputs = channels / groups;
  const columns = outChannels / groups;
  const rows = kernel[0] * kernel[1] * inputs;
  const tiles = sumTiles(columns, emit.tiles);
  const table = emit.constantTable(tileTable(tiles));
  const chunked = chunkedSums(emit, windows, rows, tiles, groups);
  const lineStep = spacing[0] * chunked.strips.rowBytes;
  const contiguous = groups === 1 && (spacing[1] === 1 || kernel[1] === 1);
  emit.step(
    "convolveFilterGradient",
    stripArguments(emit, chunked.strips, [
      ...[chunked.sums, chunked.chunkBytes],
      ...[dy, 4 * outChannels, outRows, outColumns, 4 * step[1] * channels],
      ...(contiguous
        ? [kernel[1] * channels, kernel[0], lineStep, 1, 0]
        : [inputs, kernel[1], 4 * spacing[1] * channels, kernel[0], lineStep]),
      ...[groups, 4 * inputs, 4 * columns, chunked.groupBytes],
      ...[passRows(windows, outColumns * Math.min(24, outChannels)), table, tiles.length],
    ]),
  );
  emitChunkSum(emit, dw, chunked, rows, columns, table, tiles.length);
}
