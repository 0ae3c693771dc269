import type { Shape } from "./shape.ts";

/** Along one axis: `size` cells from `start` on, out of `outer`. */
export interface BoxAxis {
  readonly outer: number;
  readonly start: number;
  readonly size: number;
}

/**
 * A box of cells of a tensor, outermost axis first. Axes that are taken whole are joined with the axis before them, so
 * that the last one is the longest run of cells that lie one after the other.
 */
export function boxAxes(outer: Shape, start: Shape, size: Shape): BoxAxis[] {
  const axes: BoxAxis[] = [];
  for (let axis = outer.length - 1; axis >= 0; axis--) {
    const next = { outer: outer[axis]!, start: start[axis]!, size: size[axis]! };
    const [inner] = axes;
    if (inner === undefined || inner.size !== inner.outer) axes.unshift(next);
    else
      axes[0] = {
        outer: next.outer * inner.outer,
        start: next.start * inner.outer,
        size: next.size * inner.size,
      };
  }
  return axes;
}

/** Cells of the outer tensor from one cell of each axis to the next. */
export function boxStrides(axes: readonly BoxAxis[]): number[] {
  return axes.map((_, axis) => axes.slice(axis + 1).reduce((product, { outer }) => product * outer, 1));
}

/** Where the parts of a concatenation start, along its axis. */
export function partStarts(sizes: readonly number[]): number[] {
  let start = 0;
  return sizes.map((size) => {
    start += size;
    return start - size;
  });
}
