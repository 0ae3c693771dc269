import type { TilePreference } from "../emitter.ts";

/** Columns `column … column + width` of a matrix product; fewer are `valid` in the last tile. */
export interface ColumnTile {
  readonly column: number;
  readonly width: number;
  readonly valid: number;
}

type Costs = readonly (readonly [width: number, cost: number])[];

/** Time per row and step of the inner dimension, relative, as measured for each width. */
const costs: Readonly<Record<TilePreference, Costs>> = {
  wide: [
    [8, 8 / 74],
    [16, 16 / 108],
    [24, 24 / 108],
  ],
  narrow: [[8, 8 / 62]],
};
/** Of the tile of one vector, which only products of windows have. */
const slimCosts: Readonly<Record<TilePreference, Costs>> = { wide: [[4, 4 / 38]], narrow: [[4, 4 / 34]] };

/** The fastest widths that cover this many columns, widest first. */
export function columnTiles(columns: number, preference: TilePreference): ColumnTile[] {
  return fastest(columns, costs[preference]);
}

/** The same for products of windows. */
export function productTiles(columns: number, preference: TilePreference): ColumnTile[] {
  return fastest(columns, [...slimCosts[preference], ...costs[preference]]);
}

function fastest(columns: number, widths: Costs): ColumnTile[] {
  const best: { cost: number; widths: number[] }[] = [{ cost: 0, widths: [] }];
  for (let count = 1; count <= columns; count++) {
    const options = widths.map(([width, cost]) => {
      const rest = best[Math.max(0, count - width)]!;
      return { cost: rest.cost + cost, widths: [...rest.widths, width] };
    });
    best.push(options.reduce((a, b) => (b.cost < a.cost ? b : a)));
  }
  let column = 0;
  return best[columns]!.widths.toSorted((a, b) => b - a).map((width) => {
    const tile = { column, width, valid: Math.min(width, columns - column) };
    column += width;
    return tile;
  });
}

/** Time per row and step of the inner dimension, relative; a tile that is not full is copied once more. */
export function tilesCost(tiles: readonly ColumnTile[], preference: TilePreference): number {
  return tiles.reduce((sum, { width, valid }) => {
    const [, cost] = [...slimCosts[preference], ...costs[preference]].find(([candidate]) => candidate === width)!;
    return sum + cost * (valid < width ? 1.3 : 1);
  }, 0);
}

/** Columns of all tiles together, with those that are there only to fill the last. */
export function paddedColumns(tiles: readonly ColumnTile[]): number {
  return tiles.reduce((sum, { width }) => sum + width, 0);
}

/** The table that the kernels read. */
export function tileTable(tiles: readonly ColumnTile[]): Int32Array {
  return Int32Array.from(tiles.flatMap(({ column, width, valid }) => [column, width, valid, column]));
}
