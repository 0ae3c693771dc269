import { concatStarts } from "../../../engine/ops/concat.ts";
import type { Shape } from "../../../engine/shape.ts";
import { int8, type Kernel } from "./operand.ts";

function stridesOf(shape: Shape): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
}

/** Cell numbers of a walk over axes of these sizes, the last one fastest, each with its own step. */
function walk(first: number, sizes: Shape, steps: readonly number[]): Int32Array {
  let cells = [first];
  sizes.forEach((size, axis) => {
    cells = cells.flatMap((cell) => Array.from({ length: size }, (_, index) => cell + index * steps[axis]));
  });
  return Int32Array.from(cells);
}

/** Cell numbers of the box of `size` cells from `start` on. */
function box(outer: Shape, start: Shape, size: Shape): Int32Array {
  const strides = stridesOf(outer);
  return walk(
    start.reduce((sum, at, axis) => sum + at * strides[axis], 0),
    size,
    strides,
  );
}

export const concat: Kernel<"concat"> = ({ layer, x, y }) => {
  const shapes = x.map(({ shape }) => shape);
  const starts = concatStarts(shapes, layer.attributes.axis);
  const places = shapes.map((shape, part) => box(y.shape, starts[part], shape));
  return () =>
    x.forEach(({ cells }, part) => {
      places[part].forEach((place, cell) => (y.cells[place] = cells[cell]));
    });
};

export const slice: Kernel<"slice"> = ({ layer, x: [x], y }) => {
  const sources = box(x.shape, layer.attributes.start, layer.attributes.size);
  return () => sources.forEach((source, cell) => (y.cells[cell] = x.cells[source]));
};

export const pad: Kernel<"pad"> = ({ layer, x: [x], y }) => {
  const places = box(y.shape, layer.attributes.before, x.shape);
  return () => {
    y.cells.fill(layer.cell);
    places.forEach((place, cell) => (y.cells[place] = x.cells[cell]));
  };
};

export const transpose: Kernel<"transpose"> = ({ layer, x: [x], y }) => {
  const strides = stridesOf(x.shape);
  const { permutation } = layer.attributes;
  const sources = walk(
    0,
    y.shape,
    permutation.map((axis) => strides[axis]),
  );
  return () => sources.forEach((source, cell) => (y.cells[cell] = x.cells[source]));
};

export const reshape: Kernel<"reshape"> =
  ({ x: [x], y }) =>
  () =>
    y.cells.set(x.cells);

export const constant: Kernel<"constant"> =
  ({ layer, y }) =>
  () =>
    y.cells.set(layer.cells);

/** y = table[x + 128] */
export const lookup: Kernel<"lookup"> = ({ layer, x, y }) => {
  const { cells } = int8(x[0]);
  return () => cells.forEach((q, cell) => (y.cells[cell] = layer.table[q + 128]));
};
