import { range } from "../../engine/range.ts";

/** Source text with a piece for each index. */
export function each(count: number, piece: (index: number) => string): string {
  return range(count).map(piece).join("\n");
}

/** The same from the last index to the first. */
export function descending(count: number, piece: (index: number) => string): string {
  return range(count).reverse().map(piece).join("\n");
}
