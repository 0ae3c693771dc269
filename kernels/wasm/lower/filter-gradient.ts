import type { Pair } from "../../../engine/shape.ts";
import type { Emitter, Operand } from "../emitter.ts";
import { alignUp, cutStrips, type Strips, type Windows } from "./strips.ts";
import { columnTiles, paddedColumns, tileTable, type ColumnTile } from "./tiles.ts";

export interface FilterGradient extends Omit<Windows, "windowRows" | "reach" | "width"> {
  readonly dy: Operand;
  readonly outRows: number;
  readonly outColumns: number;
  readonly outChannels: number;
  readonly kernel: Pair;
  /** [kernel height · kernel width · channels, outChannels] */
  readonly dw: Operand;
}

/** A sum over a batch is cut into this many partial sums, or fewer when there is little to sum. */
const chunkCount = 8;
const leastWindows = 32;
/** Floats of x and dy that one pass over the tiles should find in the first-level cache. */
const passFloats = 8192;

export interface ChunkedSums {
  readonly strips: Strips;
  readonly sums: Operand;
  readonly chunkBytes: number;
  readonly chunks: number;
}

/** Cuts the windows of a batch by their shape alone: the number of threads must not change the order of additions. */
export function chunkedSums(emit: Emitter, windows: Windows, rows: number, tiles: readonly ColumnTile[]): ChunkedSums {
  const least = Math.max(1, Math.floor(leastWindows / windows.width));
  const most = Math.max(least, Math.ceil((windows.images * windows.windowRows) / chunkCount));
  const strips = cutStrips(emit, windows, most, 1, 0);
  const chunks = Math.min(chunkCount, strips.units);
  const chunkBytes = alignUp(4 * rows * paddedColumns(tiles), 64);
  return { strips, chunks, chunkBytes, sums: emit.scratch(chunks * chunkBytes) };
}

/** Rows of windows whose x and dy fit in the first-level cache. */
export function passRows(windows: Windows, dyFloats: number): number {
  return Math.max(1, Math.floor(passFloats / (windows.step[0] * windows.width * windows.channels + dyFloats)));
}

/** Emits the sum of the chunks into y [rows][columns]. */
export function emitChunkSum(
  emit: Emitter,
  y: Operand,
  { sums, chunkBytes, chunks }: ChunkedSums,
  rows: number,
  columns: number,
  table: Operand,
  tileCount: number,
): void {
  emit.step("sumChunks", [y, sums, chunkBytes, chunks, rows, columns, table, tileCount]);
}

/** Emits dw = Σ over windows of x · dy. */
export function emitFilterGradient(emit: Emitter, gradient: FilterGradient): void {
  const { channels, step, dy, outRows, outColumns, outChannels, kernel, dw } = gradient;
  const windows: Windows = {
    ...gradient,
    windowRows: outRows,
    reach: kernel[0],
    width: (outColumns - 1) * step[1] + kernel[1],
  };
  const rows = kernel[0] * kernel[1] * channels;
  const tiles = columnTiles(outChannels, emit.tiles);
  const table = emit.constantTable(tileTable(tiles));
  const chunked = chunkedSums(emit, windows, rows, tiles);
  emit.step("convolveFilterGradient", [
    ...chunked.strips.arguments,
    ...[chunked.sums, chunked.chunkBytes, chunked.chunks],
    ...[dy, 4 * outChannels, outRows, outColumns, 4 * step[1] * channels, kernel[1] * channels, kernel[0]],
    ...[passRows(windows, outColumns * Math.min(24, outChannels)), table, tiles.length],
  ]);
  emitChunkSum(emit, dw, chunked, rows, outChannels, table, tiles.length);
}
