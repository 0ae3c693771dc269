import type { Pair } from "../../../engine/shape.ts";
import { advance, type Emitter, type Operand } from "../emitter.ts";
import { cutStrips, isInside, wantedUnits, type Windows } from "./strips.ts";
import { columnTiles, paddedColumns, tileTable, type ColumnTile } from "./tiles.ts";

/** A convolution that writes every `yStep`-th cell of its output. */
interface ProductPhase {
  readonly rows: number;
  readonly columns: number;
  /** First window, in the bordered image. */
  readonly row: number;
  readonly column: number;
  /** First cell of the output. */
  readonly yRow: number;
  readonly yColumn: number;
  readonly height: number;
  readonly width: number;
  /** Offsets in floats of the rows of w: for each kernel row and column, all channels. */
  readonly weights: readonly number[];
}

export interface Product extends Omit<Windows, "windowRows" | "reach" | "width"> {
  readonly y: Operand;
  readonly yRows: number;
  readonly yColumns: number;
  readonly yChannels: number;
  readonly yStep: Pair;
  readonly w: Operand;
  /** Floats from one column of w to the next. */
  readonly wStep: number;
  readonly phases: readonly ProductPhase[];
}

const bufferRows = 48;
/** Windows of a strip: enough to read a panel of weights often, few enough for short tables. */
const mostWindows = 1024;
const mostDirectWindows = 480;
/** With fewer windows than this, packing the weights costs more than it saves. */
const fewWindows = 64;

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

export function packPanels(
  emit: Emitter,
  w: Operand,
  weights: readonly number[],
  wStep: number,
  tiles: readonly ColumnTile[],
): Operand {
  const panels = emit.scratch(4 * weights.length * paddedColumns(tiles));
  const offsets = emit.constantTable(Int32Array.from(weights, (offset) => 4 * offset));
  const table = emit.constantTable(tileTable(tiles));
  emit.step("packPanels", [panels, w, offsets, weights.length, 4 * wStep, table, tiles.length]);
  return panels;
}

/** Emits y = Σ over windows of x · w. */
export function emitProduct(emit: Emitter, product: Product): void {
  const { images, channels, step, y, yRows, yColumns, yChannels, yStep, w, wStep, phases } = product;
  const windows: Windows = {
    ...product,
    windowRows: Math.max(...phases.map(({ rows }) => rows)),
    reach: Math.max(...phases.map(({ row, height }) => row + height)),
    width: Math.max(...phases.map(({ columns, column, width }) => (columns - 1) * step[1] + column + width)),
  };
  const widest = Math.max(...phases.map(({ columns }) => columns));
  const tiles = columnTiles(yChannels, emit.tiles);
  const weights = phases.flatMap((phase) => phase.weights);

  const total = images * phases.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
  const inPlace =
    wStep === 1 &&
    weights.every((offset, row) => offset === row * yChannels) &&
    (tiles.length === 1 || total <= fewWindows);
  const panels = inPlace ? w : packPanels(emit, w, weights, wStep, tiles);

  const most = Math.ceil((isInside(windows) ? mostDirectWindows : mostWindows) / widest);
  const partial = tiles.some(({ width, valid }) => valid < width);
  const bufferBytes = partial ? 4 * bufferRows * 24 : 0;
  const strips = cutStrips(emit, windows, most, wantedUnits(emit), bufferBytes);

  const pixelBytes = 4 * channels;
  const yPixelBytes = 4 * yChannels;
  const yRowBytes = yColumns * yPixelBytes;
  const header: number[] = [];
  const lists: number[] = [];
  const places = new Map<number, readonly [from: number, to: number]>();
  const listsStart = 9 * phases.length;
  let depth = 0;
  for (const phase of phases) {
    let place = places.get(phase.columns);
    if (place === undefined) {
      const cells = range(strips.windows).flatMap((i) => range(phase.columns).map((j) => [i, j] as const));
      const start = 4 * (listsStart + lists.length);
      lists.push(...cells.map(([i, j]) => i * step[0] * strips.rowBytes + j * step[1] * pixelBytes));
      lists.push(...cells.map(([i, j]) => i * yStep[0] * yRowBytes + j * yStep[1] * yPixelBytes));
      place = [start, start + 4 * cells.length];
      places.set(phase.columns, place);
    }
    header.push(
      ...[phase.rows, phase.columns],
      ...[
        phase.row * strips.rowBytes + phase.column * pixelBytes,
        phase.yRow * yRowBytes + phase.yColumn * yPixelBytes,
      ],
      ...[phase.width * channels, phase.height, depth],
      ...place,
    );
    depth += phase.weights.length;
  }
  const bufferLists = [8, 16, 24].flatMap((width) => range(bufferRows).map((row) => 4 * row * width));
  const table = emit.constantTable(Int32Array.from([...header, ...lists, ...(partial ? bufferLists : [])]));
  emit.step("convolve", [
    ...strips.arguments,
    ...[y, yRows * yRowBytes, yStep[0] * yRowBytes],
    ...[panels, inPlace ? 4 * yChannels : 0, depth, strips.extra],
    ...[emit.constantTable(tileTable(tiles)), tiles.length, table, phases.length],
    advance(table, 4 * (header.length + lists.length)),
  ]);
}
