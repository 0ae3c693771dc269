import type { TilePreference } from "../emitter.ts";

/** Columns `column … column + width` of a matrix product; fewer are `valid` in the last tile. */
export interface ColumnTile {
  readonly column: number;
  readonly width: number;
  readonly valid: number;
}

/** Time that a row of a tile takes: to begin with, and for each step of the inner dimension. */
export interface TileCost {
  readonly width: number;
  readonly start: number;
  readonly step: number;
}

export type TileCosts = readonly TileCost[];

/** The widths that tiles may have; only products of windows have the first. */
export const tileWidths = [4, 8, 16, 24] as const;

const standard = (width: number, rate: number): TileCost => ({ width, start: (3 * width) / rate, step: width / rate });

/** As measured on one machine, for where nothing was measured. */
export const standardCosts: Readonly<Record<TilePreference, TileCosts>> = {
  wide: [standard(4, 38), standard(8, 74), standard(16, 108), standard(24, 108)],
  narrow: [standard(4, 34), standard(8, 62)],
};

/** The fastest widths that cover this many columns, widest first, in products with an inner dimension of `depth`. */
export function productTiles(columns: number, depth: number, costs: TileCosts): ColumnTile[] {
  const best: { cost: number; widths: number[] }[] = [{ cost: 0, widths: [] }];
  for (let count = 1; count <= columns; count++) {
    const options = costs.map((tile) => {
      const rest = best[Math.max(0, count - tile.width)]!;
      return { cost: rest.cost + rowCost(tile, depth), widths: [...rest.widths, tile.width] };
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

/** The same for products that have no tiles of four columns. */
export function columnTiles(columns: number, depth: number, costs: TileCosts): ColumnTile[] {
  return productTiles(
    columns,
    depth,
    costs.filter(({ width }) => width > tileWidths[0]),
  );
}

/** Tiles for sums of outer products: what was measured of products does not hold for them. */
export function sumTiles(columns: number, preference: TilePreference): ColumnTile[] {
  return columnTiles(columns, 1, standardCosts[preference]);
}

function rowCost({ start, step }: TileCost, depth: number): number {
  return start + step * depth;
}

/** Time per row of a product with these tiles; a tile that is not full is copied once more. */
export function tilesCost(tiles: readonly ColumnTile[], depth: number, costs: TileCosts): number {
  return tiles.reduce((sum, { width, valid }) => {
    const cost = costs.find((candidate) => candidate.width === width)!;
    return sum + rowCost(cost, depth) * (valid < width ? 1.3 : 1);
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
