import type { Pair } from "../../../engine/shape.ts";
import { advance, type Emitter, type Operand } from "../emitter.ts";
import { range } from "../../../engine/range.ts";
import { extentOf } from "./phases.ts";
import { cutStrips, isInside, stripArguments, wantedUnits, type Windows } from "./strips.ts";
import { paddedColumns, productTiles, standardCosts, tilesCost, tileTable, type ColumnTile } from "./tiles.ts";

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
  /** Offsets in floats of the rows of w: for each kernel row and column, all channels of the first group. */
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
  /** Cells of the image from one tap of a window to the next. */
  readonly spacing: Pair;
  /** Slices of the channels that are multiplied each on its own, and floats of w from one to the next. */
  readonly groups: number;
  readonly wGroupStep: number;
  readonly phases: readonly ProductPhase[];
}

const bufferRows = 48;
/** Windows of a strip: enough to read a panel of weights often, few enough for short tables. */
const mostWindows = 1024;
const mostDirectWindows = 480;
/** With fewer windows than this, packing the weights costs more than it saves. */
const fewWindows = 64;

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

/** What the phases of a product read together. */
export function phaseWindows({
  step,
  spacing,
  phases,
}: Pick<Product, "step" | "spacing" | "phases">): Pick<Windows, "windowRows" | "reach" | "width"> {
  return {
    windowRows: Math.max(...phases.map(({ rows }) => rows)),
    reach: Math.max(...phases.map(({ row, height }) => row + extentOf(height, spacing[0]))),
    width: Math.max(
      ...phases.map(({ columns, column, width }) => (columns - 1) * step[1] + column + extentOf(width, spacing[1])),
    ),
  };
}

/**
 * Groups too narrow for a tile are multiplied together, as a matrix of blocks on its diagonal: a tile that is full of
 * zeros beats one that is mostly empty. Gives how many.
 */
function joinedGroups(groups: number, inputs: number, columns: number, emit: Emitter): number {
  // Not by what was measured: with values that are not finite, zeros beside a block would show.
  const costs = standardCosts[emit.tiles];
  const costOf = (joined: number): number =>
    tilesCost(productTiles(joined * columns, joined * inputs, costs), joined * inputs, costs) / joined;
  const divisors = range(groups + 1).filter((joined) => joined > 0 && groups % joined === 0);
  return divisors.reduce((best, joined) => (costOf(joined) < costOf(best) ? joined : best), 1);
}

/** Emits the weights of all groups in panels of `joined` groups each, and gives the offsets of their rows. */
function packGroups(emit: Emitter, product: Product, joined: number, tiles: readonly ColumnTile[]): Operand {
  const { channels, yChannels, groups, w, wStep, wGroupStep, phases } = product;
  const inputs = channels / groups;
  const columns = yChannels / groups;
  const rows = phases.flatMap(({ height, width, weights }) =>
    range(groups / joined).flatMap((set) =>
      range(height * width).flatMap((tap) =>
        range(joined).flatMap((group) =>
          range(inputs).map((input) => ({
            offset: weights[tap * inputs + input]! + (set * joined + group) * wGroupStep,
            start: group * columns,
          })),
        ),
      ),
    ),
  );
  if (joined === 1) {
    const offsets = rows.map(({ offset }) => offset);
    return packPanels(emit, w, offsets, wStep, tiles);
  }
  const panels = emit.scratch(4 * rows.length * paddedColumns(tiles));
  const offsets = emit.constantTable(Int32Array.from(rows, ({ offset }) => 4 * offset));
  const starts = emit.constantTable(Int32Array.from(rows, ({ start }) => start));
  const table = emit.constantTable(tileTable(tiles));
  emit.step("packBlocks", [panels, w, offsets, starts, rows.length, columns, 4 * wStep, table, tiles.length]);
  return panels;
}

/**
 * Windows at the end of a strip that a tile which is not full must not store as it is. Where the outputs of a strip lie
 * one after another, the others are overwritten by those that follow.
 */
function spilledWindows(product: Product, sets: number, { width, valid }: ColumnTile, windows: number): number {
  const { yColumns, yChannels, yStep, phases } = product;
  const dense = sets === 1 && phases.length === 1 && yStep[0] * yStep[1] === 1 && phases[0]!.columns === yColumns;
  return dense ? Math.ceil((width - valid) / yChannels) : windows;
}

/** Emits y = Σ over windows of x · w. */
export function emitProduct(emit: Emitter, product: Product): void {
  const { images, channels, step, y, yRows, yColumns, yChannels, yStep, w, wStep, spacing, groups, phases } = product;
  const windows: Windows = { ...product, ...phaseWindows(product) };
  const widest = Math.max(...phases.map(({ columns }) => columns));
  const joined = joinedGroups(groups, channels / groups, yChannels / groups, emit);
  const inputs = (channels / groups) * joined;
  const outputs = (yChannels / groups) * joined;
  const depth = Math.max(...phases.map(({ height, width }) => height * width * inputs));
  const tiles = productTiles(outputs, depth, emit.costs);
  const weights = phases.flatMap((phase) => phase.weights);

  const total = images * phases.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
  const inPlace =
    groups === 1 &&
    wStep === 1 &&
    weights.every((offset, row) => offset === row * yChannels) &&
    (tiles.length === 1 || total <= fewWindows);
  const panels = inPlace ? w : packGroups(emit, product, joined, tiles);

  const most = Math.ceil((isInside(windows) ? mostDirectWindows : mostWindows) / widest);
  const partial = tiles.some(({ width, valid }) => valid < width);
  const bufferBytes = partial ? 4 * bufferRows * 24 : 0;
  const strips = cutStrips(emit, windows, most, wantedUnits(emit, windows, most), bufferBytes);

  const pixelBytes = 4 * channels;
  const yPixelBytes = 4 * yChannels;
  const yRowBytes = yColumns * yPixelBytes;
  const header: number[] = [];
  const lists: number[] = [];
  const places = new Map<number, readonly [from: number, to: number]>();
  const sets = groups / joined;
  const listsStart = 12 * sets * phases.length;
  let weightRow = 0;
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
    const lineStep = spacing[0] * strips.rowBytes;
    const contiguous = groups === 1 && (spacing[1] === 1 || phase.width === 1);
    const taps = contiguous
      ? [phase.width * channels, phase.width > 0 ? phase.height : 0, lineStep, 1, 0]
      : [inputs, phase.width, spacing[1] * pixelBytes, phase.height, lineStep];
    for (const set of range(sets)) {
      header.push(
        ...[phase.rows, phase.columns],
        ...[
          phase.row * strips.rowBytes + phase.column * pixelBytes + 4 * set * inputs,
          phase.yRow * yRowBytes + phase.yColumn * yPixelBytes + 4 * set * outputs,
        ],
        ...taps,
        weightRow,
        ...place,
      );
      weightRow += phase.height * phase.width * inputs;
    }
  }
  const bufferLists = [4, 8, 16, 24].flatMap((width) => range(bufferRows).map((row) => 4 * row * width));
  const table = emit.constantTable(Int32Array.from([...header, ...lists, ...(partial ? bufferLists : [])]));
  emit.step(
    "convolve",
    stripArguments(emit, strips, [
      ...[y, yRows * yRowBytes, yStep[0] * yRowBytes],
      ...[panels, inPlace ? 4 * yChannels : 0, weightRow, strips.extra],
      ...[emit.constantTable(tileTable(tiles)), tiles.length, table, sets * phases.length],
      advance(table, 4 * (header.length + lists.length)),
      spilledWindows(product, sets, tiles.at(-1)!, strips.windows * widest),
    ]),
  );
}
